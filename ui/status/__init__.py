"""The right end of the toolbar: the org that is worked in, and what waits to be sent."""

"""Stories: the core and the real window against the demo world, through crashes."""

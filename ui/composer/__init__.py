"""The window in which a message is written."""

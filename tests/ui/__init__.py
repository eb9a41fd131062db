"""The screen, offscreen, over real services on a temporary encrypted database."""

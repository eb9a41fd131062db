"""What a developer runs: dev.py and its rooms. Standard library only, so that any Python 3 can start it in a clean clone."""

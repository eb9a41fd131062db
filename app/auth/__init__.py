"""Signing in: secrets, the loopback receiver for OAuth, tokens."""

"""Tests of the client's core."""

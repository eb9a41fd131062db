"""Tests of the project itself: its tools, its lock file, its contracts, and what every test may rely on."""

"""Tests of mail: parsing, cleaning, reading, sync and operations."""

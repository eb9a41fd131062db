"""The sample data that the demo world starts with."""

"""Widgets that every feature of the screen may use. They know no feature and no service."""

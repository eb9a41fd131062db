"""Widgets that every feature of the screen may use. They know no feature and no service.

They take their colours from ``ui.theme.tones(self)`` when they paint, so light and dark need no code in a feature.
"""

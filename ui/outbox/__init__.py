"""The view of what waits to be sent, with retry and discard."""

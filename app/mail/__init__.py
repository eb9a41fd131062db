"""Mail: sync, reading, composing, and the operations that act on messages."""

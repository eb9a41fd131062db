"""The pane that shows one message and its attachments."""

"""The pane that lists the messages of a folder."""

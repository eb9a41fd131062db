"""The pane of accounts and folders."""

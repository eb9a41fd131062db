"""The pane that shows what Salesforce knows of a message's people."""

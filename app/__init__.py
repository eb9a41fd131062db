"""Outrigger without a screen: mail, Salesforce and the outbox between them. Nothing here imports Qt."""

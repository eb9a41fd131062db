"""A Salesforce org on loopback: OAuth, the REST API, SOQL and SOSL over one SQLite file.

Built from the vendor's documentation, never from what the client happens to send. What it does not do it answers
with 501 and a clear text.
"""

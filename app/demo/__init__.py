"""The outside world in a box: loopback mail, Salesforce and OAuth servers with sample data, in a process of its own.

Started by ``python -m app.demo``. It shares no code with the client, so that a mistake in one cannot hide a mistake
in the other.
"""

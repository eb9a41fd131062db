"""Sockets: the HTTP and TLS servers in front of the REST API and OAuth, and the faults that act on a connection."""

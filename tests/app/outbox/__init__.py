"""The outbox on a real encrypted database, with small handlers that speak to a real server on loopback."""

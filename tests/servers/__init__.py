"""Servers and stores that tests speak to: real ones, each started by the test that needs it."""

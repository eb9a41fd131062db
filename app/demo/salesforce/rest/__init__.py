"""The REST API: resources under /services/data/vNN.N, answered without any knowledge of sockets.

A composite subrequest goes through the same `Api.dispatch` as a request from the network.
"""

"""Tests of the demo world, over the network wherever a client would be."""

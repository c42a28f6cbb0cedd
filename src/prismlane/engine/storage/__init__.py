"""Implementations of the ports: the event log and store, and blobs."""

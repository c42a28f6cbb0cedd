"""Benchmarks beside peers: `python -m bench [name]` prints one JSON line a figure."""

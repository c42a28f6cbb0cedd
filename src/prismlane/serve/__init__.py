"""The HTTP gateway on Ray Serve."""

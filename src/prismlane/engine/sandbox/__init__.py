"""The child process that runs analysis code within limits."""

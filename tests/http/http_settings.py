"""Settings of the engines that the HTTP tests talk to."""

API_KEY = "key-of-the-tests-0123456789"
MAX_BODY_BYTES = 100_000
MAX_UPLOAD_BYTES = 4_000_000

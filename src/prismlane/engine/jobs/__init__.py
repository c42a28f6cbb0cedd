"""The pure core: a job's life as data and functions. Reads no clock, no random source and no file."""

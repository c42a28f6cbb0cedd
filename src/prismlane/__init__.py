"""Prismlane: durable, concurrent analyses of tabular data."""

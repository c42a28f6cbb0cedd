"""Thin shells of Ray actors over the engine."""

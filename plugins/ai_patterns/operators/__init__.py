"""Operators: thin shells over a hook and one call of the core."""

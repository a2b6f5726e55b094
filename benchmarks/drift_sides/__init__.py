"""The sides of `benchmarks/drift.py`, each a fresh process."""

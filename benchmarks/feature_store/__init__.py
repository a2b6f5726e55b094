"""The parts of `benchmarks/features.py`."""

"""Engines that run the same feature SQL."""

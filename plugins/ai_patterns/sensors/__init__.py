"""Sensors that defer."""

"""Stages of the growth benchmark, each run as a process of its own."""

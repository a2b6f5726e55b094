"""Triggers: what a deferred task awaits."""

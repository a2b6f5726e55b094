"""The typed description of one AI system."""

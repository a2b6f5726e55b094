"""The protocols that clients already speak."""

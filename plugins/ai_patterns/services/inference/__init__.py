"""The inference service: a champion model behind the protocols that clients already speak."""

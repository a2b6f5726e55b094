"""Three protocols, one question: each reads a body into a `Query` and writes `Predictions` in its own shape."""

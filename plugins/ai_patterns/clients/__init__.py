"""Clients of the systems around: the lake, MLflow, Feast, Great Expectations, the model server."""

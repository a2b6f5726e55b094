"""The sides of the feature store's benchmarks."""

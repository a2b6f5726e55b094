"""The microservices, each its own process."""

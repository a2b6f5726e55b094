"""The ten design patterns of scalable AI systems for Airflow, built from one typed spec."""

__version__ = "0.1.0"

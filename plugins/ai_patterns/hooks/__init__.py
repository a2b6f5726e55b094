"""Airflow hooks: a connection id in, a client out."""

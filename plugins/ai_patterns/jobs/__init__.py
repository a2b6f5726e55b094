"""Jobs: one idempotent unit of work each, on a lake and its clients, without Airflow."""

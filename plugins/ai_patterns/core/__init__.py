"""The pure heart: features, quality, drift, promotion and feedback on plain values and Arrow. Never imports Airflow."""

"""The demo: Airflow on free ports below `.run/`, driven through its REST API like any client would."""

"""Monitoring.

Data quality, drift of the features and of the predictions. Each verdict is a row of the lake's `checks` and an
Airflow metric; an alarm turns the report red.
"""

# Airflow takes the DAGs from this module's globals, one for each system in include/systems.
from ai_patterns.patterns import monitoring
from ai_patterns.patterns.loading import dags_of

globals().update(dags_of(monitoring.build, file=__file__, doc=__doc__))

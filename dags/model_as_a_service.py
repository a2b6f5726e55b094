"""Model as a service.

The inference service is a process of its own and follows the champion by itself. This DAG waits until it is ready
and tries it with one real request.
"""

# Airflow takes the DAGs from this module's globals, one for each system in include/systems.
from ai_patterns.patterns import model_as_a_service
from ai_patterns.patterns.loading import dags_of

globals().update(dags_of(model_as_a_service.build, file=__file__, doc=__doc__))

"""Microservices.

The feature service, the inference service, the feedback service and the stream worker are processes of their own
behind a balancer. This DAG deploys them and replaces them replica by replica, without a lost request.
"""

# Airflow takes the DAGs from this module's globals, one for each system in include/systems.
from ai_patterns.patterns import microservices
from ai_patterns.patterns.loading import dags_of

globals().update(dags_of(microservices.build, file=__file__, doc=__doc__))

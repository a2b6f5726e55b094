"""Feedback loop.

Labels join their predictions once they are mature; the performance is measured by slice; a decision to train again,
or not to, is written down with its reason.
"""

# Airflow takes the DAGs from this module's globals, one for each system in include/systems.
from ai_patterns.patterns import feedback_loop
from ai_patterns.patterns.loading import dags_of

globals().update(dags_of(feedback_loop.build, file=__file__, doc=__doc__))

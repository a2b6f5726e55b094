"""Batch processing.

Events become tiles, mergeable partial aggregates, and the value log: each feature's value from the instant on at
which it changed. Woken by each published partition.
"""

# Airflow takes the DAGs from this module's globals, one for each system in include/systems.
from ai_patterns.patterns import batch_processing
from ai_patterns.patterns.loading import dags_of

globals().update(dags_of(batch_processing.build, file=__file__, doc=__doc__))

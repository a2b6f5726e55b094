"""Feature store.

The same features reach two readers: the training set gets them as they were known at each decision, Feast's online
store gets the newest. Woken by each partition of tiles.
"""

# Airflow takes the DAGs from this module's globals, one for each system in include/systems.
from ai_patterns.patterns import feature_store
from ai_patterns.patterns.loading import dags_of

globals().update(dags_of(feature_store.build, file=__file__, doc=__doc__))

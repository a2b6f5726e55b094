"""Offline and online serving.

Training registers a challenger; promotion holds it against the gates and against the champion, and writes every
verdict into an append-only ledger; batch scoring predicts with the champion.
"""

# Airflow takes the DAGs from this module's globals, one for each system in include/systems.
from ai_patterns.patterns import online_offline_serving
from ai_patterns.patterns.loading import dags_of

globals().update(dags_of(online_offline_serving.build, file=__file__, doc=__doc__))

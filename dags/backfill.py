"""Cascading backfill.

Corrects a day of events, from its sources, its topics or its quarantine, and computes again what depends on it: tiles,
values, labels and the training set, in order. Readers see all of it at once; only partitions that come out otherwise
are replaced. A run that was interrupted goes on when it is tried again.

It never starts by itself. Backfill it as any DAG, in the web UI or by `airflow backfill create`: each day is a run, one
after another. Or trigger it with the param `days`. `dry_run`, on by default, shows what depends on a day and how large
that is.
"""

# Airflow takes the DAGs from this module's globals, one for each system in include/systems.
from ai_patterns.patterns import backfill
from ai_patterns.patterns.loading import dags_of

globals().update(dags_of(backfill.build, file=__file__, doc=__doc__))

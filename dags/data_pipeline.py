"""Data pipeline.

Each day's rows are extracted from the sources, held against their expectations and published: bad rows go to
`quarantine/`, and a day whose expectations fail is not published at all. A second run replaces what was there.

With the param `origin: topics` the streams that have a Kafka topic are taken from what stream_processing landed of it.

Runs daily for the day before; backfill it by day, or trigger it with the param `days` for a whole range.
"""

# Airflow takes the DAGs from this module's globals, one for each system in include/systems.
from ai_patterns.patterns import data_pipeline
from ai_patterns.patterns.loading import dags_of

globals().update(dags_of(data_pipeline.build, file=__file__, doc=__doc__))

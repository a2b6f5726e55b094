"""Stream processing.

What waits in each stream's topic lands in the lake, `landed/<stream>`, each message once: rows and offsets are one
commit. A message that is no good row goes byte for byte to `<topic>.dead` with its reason; trigger the DAG with the
param `replay` to write dead letters back after a fix.

Runs by the system's schedule `stream_processing`, or by hand. Only systems whose streams have topics have this DAG.
"""

# Airflow takes the DAGs from this module's globals, one for each system in include/systems.
from ai_patterns.patterns import stream_processing
from ai_patterns.patterns.loading import dags_of

globals().update(dags_of(stream_processing.build, file=__file__, doc=__doc__))

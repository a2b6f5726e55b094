"""Lambda architecture.

The batch layer takes a finished day over from the speed layer. The run seals the boundary, so that late events are kept
apart; lands what the speed layer has folded; publishes and builds the day, and every earlier day that a late event
belongs to; loads the tiles online; and draws the boundary in one step. Reads stay right all the while, also when a run
fails or never comes: the speed layer keeps what the batch layer has not taken over.

At the end every entity of every group is certified: what serving reads, batch and speed layer merged, equals what the
lake's events give, to the bit. Key buckets are compared first; keys that differ are listed with both values in the
lake's table `certificate_differences`, and the run is red.

Runs by the system's schedule `lambda_architecture`, or by hand. Only systems whose streams have topics have this DAG.
"""

# Airflow takes the DAGs from this module's globals, one for each system in include/systems.
from ai_patterns.patterns import lambda_architecture
from ai_patterns.patterns.loading import dags_of

globals().update(dags_of(lambda_architecture.build, file=__file__, doc=__doc__))

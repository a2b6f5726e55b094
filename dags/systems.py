"""Shows what is wrong with a system as one import error in Airflow; the DAGs of the other systems stay."""

# Airflow's safe mode reads a file only if it speaks of airflow and dag: this one holds no DAG on purpose.
from ai_patterns.patterns.loading import require_good_systems

require_good_systems(file=__file__)

"""The same features for training and for serving, and a look at how old the served ones are."""

from airflow.sdk import DAG

from ai_patterns.operators.feature_store import (
    ApplyFeatureRepositoryOperator,
    BuildTrainingSetOperator,
    CheckFreshnessOperator,
    MaterializeFeaturesOperator,
)

with DAG("example_feature_store", schedule="@daily"):
    BuildTrainingSetOperator(task_id="build_training_set", system="flights")
    apply = ApplyFeatureRepositoryOperator(task_id="apply", system="flights")
    materialize = MaterializeFeaturesOperator(task_id="materialize", system="flights")
    _ = apply >> materialize >> CheckFreshnessOperator(task_id="check_freshness", system="flights")

"""The batch layer on Spark, where its connection leads: a local master, Spark's own cluster, or YARN."""

from airflow.sdk import DAG

from ai_patterns.operators.spark_features import SubmitSparkFeaturesOperator

with DAG("example_spark_features", schedule=None):
    SubmitSparkFeaturesOperator(task_id="build_features", system="flights", days="2013-01-01/2013-03-31")

"""Two jobs on Flink: tiles of a feature group, and SQL of your own; both are stopped with a savepoint."""

from airflow.sdk import DAG

from ai_patterns.operators.flink_sql import FlinkSqlOperator, FlinkTilesOperator, StopFlinkJobOperator

with DAG("example_flink_sql", schedule=None):
    FlinkTilesOperator(task_id="tiles", system="flights", group="origin_now")
    numbers = "CREATE TABLE numbers (n BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '1')"
    nowhere = "CREATE TABLE nowhere (n BIGINT) WITH ('connector' = 'blackhole')"
    count = FlinkSqlOperator(
        task_id="count",
        job_name="count",
        tables=[numbers, nowhere],
        insert="INSERT INTO nowhere SELECT n FROM numbers",
    )
    _ = count >> StopFlinkJobOperator(task_id="stop", job_name="count")

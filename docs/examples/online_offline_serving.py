"""From a training set to a champion and its predictions; the way back stands beside."""

from airflow.sdk import DAG

from ai_patterns.operators.online_offline_serving import (
    PromoteModelOperator,
    ReviewModelOperator,
    RollbackModelOperator,
    ScoreBatchOperator,
    TrainModelOperator,
)

with DAG("example_online_offline_serving", schedule=None):
    train = TrainModelOperator(task_id="train", system="flights", days="2013-01-01/2013-03-31")
    review = ReviewModelOperator(task_id="review", system="flights")
    promote = PromoteModelOperator(task_id="promote", system="flights", review_task_id="review")
    score = ScoreBatchOperator(task_id="score", system="flights", days="2013-04-01/2013-04-07")
    _ = train >> review >> promote >> score
    RollbackModelOperator(task_id="roll_back", system="flights")

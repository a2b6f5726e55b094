"""Labels meet their predictions; if the model has become worse, it is trained again."""

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG

from ai_patterns.operators.feedback_loop import (
    DecideRetrainingOperator,
    JoinLabelsOperator,
    MeasurePerformanceOperator,
)
from ai_patterns.operators.online_offline_serving import TrainModelOperator

with DAG("example_feedback_loop", schedule="@weekly"):
    join = JoinLabelsOperator(task_id="join_labels", system="flights")
    measure = MeasurePerformanceOperator(task_id="measure", system="flights")
    decide = DecideRetrainingOperator(task_id="decide", system="flights", if_retrain="train", otherwise="go_on")
    train = TrainModelOperator(task_id="train", system="flights")
    _ = join >> measure >> decide >> [train, EmptyOperator(task_id="go_on")]

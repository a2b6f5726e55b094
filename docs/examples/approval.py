"""A person says yes in Airflow before the newest version becomes the champion."""

from airflow.sdk import DAG

from ai_patterns.operators.approval import ApprovePromotionOperator
from ai_patterns.operators.online_offline_serving import PromoteModelOperator, ReviewModelOperator

with DAG("example_approval", schedule=None):
    review = ReviewModelOperator(task_id="review", system="flights")
    approve = ApprovePromotionOperator(task_id="approve", review_task_id="review", subject="Promote the challenger?")
    promote = PromoteModelOperator(
        task_id="promote", system="flights", review_task_id="review", approval_task_id="approve"
    )
    _ = review >> approve >> promote

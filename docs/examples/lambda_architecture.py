"""The batch layer takes a day over from the speed layer, and both merged are certified."""

from airflow.sdk import DAG

from ai_patterns.operators.lambda_architecture import (
    AdvanceBoundaryOperator,
    CertifyLayersOperator,
    PublishLandedOperator,
    SealBoundaryOperator,
)
from ai_patterns.operators.stream_processing import LandTopicOperator

OFFSETS = "{{ ti.xcom_pull(task_ids='publish')['offsets'] | tojson }}"  # up to where what landed is published

with DAG("example_lambda_architecture", schedule=None):
    day = {"system": "flights", "days": "2013-04-01"}
    seal = SealBoundaryOperator(task_id="seal", **day)
    land = LandTopicOperator(task_id="land", stream="departed", **day)
    publish = PublishLandedOperator(task_id="publish", **day)
    advance = AdvanceBoundaryOperator(task_id="advance", offsets=OFFSETS, **day)
    _ = seal >> land >> publish >> advance >> CertifyLayersOperator(task_id="certify", **day)

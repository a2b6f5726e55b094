"""The feature service behind HAProxy: contracts, replicas, and as many of them as its traffic asks for."""

from airflow.sdk import DAG

from ai_patterns.operators.microservices import CheckContractsOperator, DeployServiceOperator, ScaleServiceOperator

with DAG(
    "example_microservices", schedule="*/10 * * * *", params={"restart": False, "replicas": None, "breaking": False}
):
    contracts = CheckContractsOperator(task_id="check_contracts", system="flights")
    deploy = DeployServiceOperator(task_id="deploy", system="flights", service="features")
    scale = ScaleServiceOperator(task_id="scale", system="flights", service="features", high=50, low=5)
    _ = contracts >> deploy >> scale

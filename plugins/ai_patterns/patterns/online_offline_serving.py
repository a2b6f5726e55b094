"""From offline to online: training, promotion and batch scoring."""

from __future__ import annotations

from airflow.providers.standard.operators.python import BranchPythonOperator
from airflow.sdk import (
    DAG,
    BaseOperator,
    Context,
    Param,
    PartitionedAtRuntime,
    TaskGroup,
    chain,
    get_current_context,
)

from ai_patterns.operators.online_offline_serving import (
    PromoteModelOperator,
    ReviewModelOperator,
    RollbackModelOperator,
    ScoreBatchOperator,
    TrainModelOperator,
)
from ai_patterns.patterns.approval import ask
from ai_patterns.patterns.assets import asset
from ai_patterns.patterns.frame import change_params, system_dag, woken_by
from ai_patterns.sensors.partition_published import PartitionPublishedSensor
from ai_patterns.spec.system import SystemSpec

STEP = "online_offline_serving"


def build(system: SystemSpec) -> tuple[DAG, ...]:
    """`{system}__model_training`, `{system}__model_promotion` and `{system}__batch_scoring`."""
    return _training(system), _promotion(system), _scoring(system)


def _training(system: SystemSpec) -> DAG:
    """By hand or by the feedback loop; announces `{system}/model`."""
    description = "Train a challenger on the decisions of the days and register it."
    with system_dag(
        system, "model_training", schedule=PartitionedAtRuntime(), description=description, pattern=STEP
    ) as dag:
        wait = PartitionPublishedSensor(
            task_id="wait_for_training_set",
            system=system.folder,
            table="training_sets",
            only_last=True,
            poke_interval=5,
            timeout=1800,
        )
        train = TrainModelOperator(
            task_id="train_model",
            system=system.folder,
            inlets=[asset(system.name, "training_set")],
            outlets=[asset(system.name, "model")],
        )
        _ = wait >> train
    return dag


def _promotion(system: SystemSpec) -> DAG:
    """Woken by `{system}/model`, or by hand where a rollout is; announces `{system}/champion`."""
    description = "Hold a challenger against the gates and make it the champion, or roll back to the one before."
    params = {
        "action": Param("promote", type="string", enum=[*_actions(system)], title="Action"),
        **change_params(),
    }
    with system_dag(
        system,
        "model_promotion",
        schedule=PartitionedAtRuntime() if system.rollout else woken_by(system, "model"),
        description=description,
        pattern=STEP,
        params=params,
    ) as dag:
        choose_action = BranchPythonOperator(
            task_id="choose_action", python_callable=_choose_action, op_args=[_actions(system)]
        )
        champion = [asset(system.name, "champion")]
        with TaskGroup("promote", tooltip="Only a version that passes every gate becomes the champion."):
            review = ReviewModelOperator(task_id="review_model", system=system.folder)
            approval = [ask(system, review)] if system.gates.approval else []
            promote = PromoteModelOperator(
                task_id="promote_model",
                system=system.folder,
                review_task_id=review.task_id,
                approval_task_id=approval[0].task_id if approval else None,
                outlets=champion,
            )
        rollback = RollbackModelOperator(task_id="rollback_model", system=system.folder, outlets=champion)
        _ = choose_action >> [review, rollback, *_end_rollout(system)]
        chain(review, *approval, promote)
    return dag


def _actions(system: SystemSpec) -> dict[str, str]:
    """What a run can do, and the task that begins it."""
    actions = {"promote": "promote.review_model", "rollback": "rollback_model"}
    return {**actions, "end_rollout": "end_rollout"} if system.rollout else actions


def _end_rollout(system: SystemSpec) -> list[BaseOperator]:
    """By hand, beside the run that waits for the rollout's next step."""
    if system.rollout is None:
        return []
    from ai_patterns.operators.model_rollout import EndRolloutOperator

    return [EndRolloutOperator(task_id="end_rollout", system=system.folder)]


def _choose_action(tasks: dict[str, str]) -> str:
    context: Context = get_current_context()
    return tasks[context["params"]["action"]]


def _scoring(system: SystemSpec) -> DAG:
    """By hand; announces `{system}/predictions`."""
    description = "Predict the decisions of the days with the champion, into the lake."
    with system_dag(
        system, "batch_scoring", schedule=PartitionedAtRuntime(), description=description, pattern=STEP
    ) as dag:
        ScoreBatchOperator(
            task_id="score_batch",
            system=system.folder,
            inlets=[asset(system.name, "champion"), asset(system.name, "training_set")],
            outlets=[asset(system.name, "predictions")],
        )
    return dag

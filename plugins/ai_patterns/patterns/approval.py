"""A person before a change, where the spec asks for one."""

from __future__ import annotations

from airflow.sdk import BaseOperator

from ai_patterns.operators.online_offline_serving import ReviewModelOperator
from ai_patterns.spec.system import SystemSpec


def approval(system: SystemSpec) -> list[BaseOperator]:
    """The review of a version and the question to a person; nothing where `gates.approval` is off."""
    if not system.gates.approval:
        return []
    review = ReviewModelOperator(task_id="review_model", system=system.folder)
    return [review, ask(system, review)]


def ask(system: SystemSpec, review: BaseOperator) -> BaseOperator:
    """The question, with a review's verdicts beside it."""
    from ai_patterns.operators.approval import ApprovePromotionOperator  # half a second, for those who ask

    return ApprovePromotionOperator(
        task_id="approve_model",
        review_task_id=review.task_id,
        subject=f"Promote a new model of {system.name}?",
    )

"""A person between the gates and the champion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import Context

from ai_patterns.core.evidence import describe_review


class ApprovePromotionOperator(ApprovalOperator):
    """Waits for a person's yes to a version that passed every gate; the evidence stands beside the question.

    A rejection skips what follows. A version that failed a gate is not asked about: the promotion refuses it.

    An answer may be asked for again: a scheduler of Airflow 3.3 that is held up just then takes the end of the asking
    for a failure of what follows it, and tries the task anew. Nothing is promoted without an answer.

    Args:
        review_task_id: the `ReviewModelOperator` whose verdicts are shown.
        kwargs: as of Airflow's `ApprovalOperator`.
    """

    def __init__(self, *, review_task_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.review_task_id = review_task_id

    def execute(self, context: Context) -> Any:
        """Ask, with the verdicts in the question's body."""
        review: Mapping[str, Any] = context["ti"].xcom_pull(task_ids=self.review_task_id)
        if not review["passed"]:
            self.log.info("Version %s failed a gate; nobody is asked", review["version"])
            return None
        self.body = describe_review(review)
        return super().execute(context)

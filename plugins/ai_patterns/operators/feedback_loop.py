"""Truth comes back: labels, performance, and whether to train again."""

from __future__ import annotations

from typing import Any

from airflow.providers.common.compat.sdk import BranchMixIn
from airflow.sdk import Context

from ai_patterns.core.days import Days
from ai_patterns.operators.measures import send_figures
from ai_patterns.operators.system import SystemOperator

DECISION = "decision"
"""Key of the XCom that holds the decision."""


class JoinLabelsOperator(SystemOperator):
    """Joins the labels that are known and mature by now to their predictions."""

    def perform(self, context: Context) -> dict[str, int]:
        """Join the labels and announce them; return their number."""
        from ai_patterns.jobs.feedback import join_labels

        self.require_rows(["predictions"])
        as_of = self.moment_of(context)
        summary = {"labels": join_labels(self.spec, self.lake, as_of)}
        self.log.info("%d labels have matured by %s", summary["labels"], as_of)
        self.announce(context, self.days_of(context), summary)
        return summary


class MeasurePerformanceOperator(SystemOperator):
    """Measures the predictions of the days against their labels, overall and by slice."""

    def perform(self, context: Context) -> list[dict[str, Any]]:
        """Measure and announce; return the rows over all slices."""
        from ai_patterns.jobs.feedback import measure_performance

        days, as_of = self.days_of(context), self.moment_of(context)
        rows = measure_performance(self.spec, self.lake, days, as_of)
        overall = [row for row in rows if row["slice"] == "all"]
        self.log.info("Performance on %s: %s", days, overall)
        self.announce(context, days, {"slices": len(rows)})
        for row in overall:
            if row["model_version"] is None:
                send_figures(self.spec.name, type(self).__name__, row)
        return overall


class DecideRetrainingOperator(SystemOperator, BranchMixIn):
    """Decides on retraining, writes down why, and follows one of two branches.

    The XCom `decision` holds the verdict, its reason, and the days and the instant to train with: following a
    branch ends the task, so nothing can be returned.

    Args:
        if_retrain: task to go on with when the decision is to retrain.
        otherwise: task to go on with when it is not.
        kwargs: as of `SystemOperator`.
    """

    inherits_from_skipmixin = True

    def __init__(self, *, if_retrain: str, otherwise: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.if_retrain, self.otherwise = if_retrain, otherwise

    def perform(self, context: Context) -> None:
        """Decide, push the decision and follow its branch."""
        from ai_patterns.jobs.champion import read_champion
        from ai_patterns.jobs.retraining import decide_retraining

        now = self.moment_of(context)
        decision = decide_retraining(self.spec, self.lake, now, read_champion(self.lake, now))
        self.log.info("%s: %s", "Retrain" if decision.retrain else "Do not retrain", decision.reason)
        days = Days(self.spec.start, self.days_of(context).last)
        verdict = {"retrain": decision.retrain, "reason": decision.reason, "days": str(days), "as_of": now.isoformat()}
        context["ti"].xcom_push(key=DECISION, value=verdict)
        send_figures(self.spec.name, type(self).__name__, {"retrain": decision.retrain})
        self.do_branch(context, self.if_retrain if decision.retrain else self.otherwise)

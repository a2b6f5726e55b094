"""The feature store: its registry, its online values and the training set."""

from __future__ import annotations

from typing import Any

from airflow.sdk import Context

from ai_patterns.operators.measures import count_verdicts
from ai_patterns.operators.system import FeatureStoreOperator, SystemOperator


class BuildTrainingSetOperator(SystemOperator):
    """Writes the decisions of the days with their features as they were known then."""

    def perform(self, context: Context) -> dict[str, int]:
        """Build the partitions of the days and announce them; return the number of decisions."""
        from ai_patterns.jobs.training_set import build_training_set

        days = self.days_of(context)
        self.require_rows([f"values/{name}" for name in self.spec.groups] or [self._decisions], days)
        summary = {"decisions": build_training_set(self.spec, self.lake, days)}
        self.log.info("Wrote %d decisions of %s with their features", summary["decisions"], days)
        self.announce(context, days, summary)
        return summary

    @property
    def _decisions(self) -> str:
        return f"events/{self.spec.decision.stream}"


class ApplyFeatureRepositoryOperator(FeatureStoreOperator):
    """Generates the Feast repository from the spec and applies it."""

    def perform(self, context: Context) -> dict[str, Any]:  # noqa: ARG002  the spec alone decides
        """Apply the repository; return its folder."""
        from ai_patterns.jobs.feature_store import apply_repository

        self.require_rows([f"values/{name}" for name in self.spec.groups] or ["dimensions"])
        apply_repository(self.spec, self.lake, self.folder)
        self.log.info("Applied the Feast repository in %s", self.folder)
        return {"folder": str(self.folder)}


class MaterializeFeaturesOperator(FeatureStoreOperator):
    """Brings every feature view's values as of an instant into the online store."""

    def perform(self, context: Context) -> dict[str, int]:
        """Materialize as of `as_of` and announce it; return the entities written for each view."""
        from ai_patterns.jobs.feature_store import materialize

        at = self.moment_of(context)
        written = materialize(self.spec, self.lake, self.folder, at)
        self.log.info("Wrote %d entities of %d views, as of %s", sum(written.values()), len(written), at)
        self.announce(context, self.days_of(context), written)
        return written


class CheckFreshnessOperator(FeatureStoreOperator):
    """Tells how old the online values are, as verdicts and metrics."""

    def perform(self, context: Context) -> dict[str, int]:
        """Check every view; return how many are fresh and how many are stale."""
        from ai_patterns.jobs.feature_store import check_freshness

        verdicts = check_freshness(self.spec, self.lake, self.folder, self.moment_of(context))
        stale = count_verdicts(self.spec.name, verdicts)
        for verdict in verdicts:
            self.log.info("%s: %s", verdict["subject"], verdict["detail"])
        return {"fresh": len(verdicts) - stale, "stale": stale}

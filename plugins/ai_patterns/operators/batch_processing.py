"""The batch layer: tiles and the value log of every feature group."""

from __future__ import annotations

from airflow.sdk import Context

from ai_patterns.operators.system import SystemOperator


class BuildFeaturesOperator(SystemOperator):
    """Builds `tiles/<group>` and `values/<group>` for the days, replacing what was there."""

    def perform(self, context: Context) -> dict[str, int]:
        """Build every group; return the rows of its value log."""
        from ai_patterns.jobs.features import build_features

        days = self.days_of(context)
        self.require_rows([f"events/{name}" for name in self.spec.streams], days)
        rows = build_features(self.spec, self.lake, days)
        self.log.info("Built %d feature groups for %s: %d changes of value", len(rows), days, sum(rows.values()))
        self.announce(context, days, rows)
        return rows

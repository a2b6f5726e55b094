"""The boundary between batch and speed layer: seal, publish what landed, draw it, certify."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from typing import Any

from airflow.providers.common.compat.sdk import AirflowSkipException
from airflow.sdk import Context

from ai_patterns.operators.measures import report_verdict
from ai_patterns.operators.stream_processing import TopicOperator
from ai_patterns.operators.system import FeatureStoreOperator


class _TilesOperator(FeatureStoreOperator):
    """A step that there is nothing to do for before a stream worker has folded something."""

    def require_folded(self) -> None:
        """Skip the task, in plain words, where the tiles hold nothing."""
        if not self.tiles.offsets():
            raise AirflowSkipException("Nothing to do: no stream worker has folded anything yet.")


class SealBoundaryOperator(_TilesOperator):
    """Has the speed layer keep apart what comes late from now on, for the boundary at the end of the days."""

    def perform(self, context: Context) -> dict[str, Any]:
        """Seal; return the offsets that the batch layer must reach."""
        self.require_folded()
        days = self.days_of(context)
        offsets = self.tiles.seal(days.end)
        self.log.info("Sealed %s; the batch layer must reach %s", days.end, offsets)
        return {"offsets": offsets}


class PublishLandedOperator(_TilesOperator):
    """Audits and publishes what landed of the topics, and the days that late events belong to."""

    def perform(self, context: Context) -> dict[str, Any]:
        """Publish; return the days, and by stream and partition the offsets up to which they are whole."""
        from ai_patterns.jobs.boundary import days_to_build, landed_now
        from ai_patterns.jobs.ingestion import publish_landed

        self.require_folded()
        at = self.days_of(context).end
        offsets = landed_now(self.spec, self.lake)
        days = days_to_build(self.spec, self.lake, self.tiles, at, offsets)
        with report_verdict(self.spec.name, "expectations"):
            rows = publish_landed(self.spec, self.lake, days, offsets, run_id=context["run_id"])
        self.log.info("Published %s as far as %s: %s", days, offsets, rows)
        return {"days": str(days), "offsets": offsets, "rows": rows}


class AdvanceBoundaryOperator(FeatureStoreOperator):
    """Loads the batch layer's tiles online and draws the boundary at the end of the days.

    Args:
        offsets: by stream and partition, the offsets up to which the days are whole, as JSON.
        kwargs: as of `FeatureStoreOperator`.
    """

    template_fields: Sequence[str] = (*FeatureStoreOperator.template_fields, "offsets")

    def __init__(self, *, offsets: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.offsets = offsets

    def perform(self, context: Context) -> dict[str, Any]:
        """Advance, and delete what no read sees any more; return the boundary."""
        from ai_patterns.jobs.boundary import advance

        ends = {name: {int(each): end for each, end in of.items()} for name, of in json.loads(self.offsets).items()}
        drawn = advance(self.spec, self.lake, self.tiles, self.days_of(context).end, ends)
        return {"boundary": drawn.at.isoformat(), "deleted_rows": self.tiles.tidy()}


class CertifyLayersOperator(FeatureStoreOperator, TopicOperator):
    """Compares what serving reads with what the lake gives, and fails on the first difference of a bit."""

    def perform(self, context: Context) -> dict[str, Any]:
        """Certify; return the number of entities compared.

        Raises:
            AirflowFailException: values differ; it names a key of each group, the lake holds all.
        """
        from ai_patterns.core.clock import utc_now
        from ai_patterns.jobs.certification import certify
        from ai_patterns.jobs.landed import landed_streams
        from ai_patterns.jobs.landing import land

        simulated = self.as_of or context["params"].get("as_of")
        at: dt.datetime = self.moment_of(context) if simulated else utc_now()
        with report_verdict(self.spec.name, "certificate"):
            found = certify(
                self.spec, self.lake, self.tiles, at, now=utc_now(),
                catch_up=lambda: [land(self.spec, self.lake, self.broker, name) for name in landed_streams(self.spec)],
            )  # fmt: skip
        return {"at": at.isoformat(), "keys": found.keys, "groups": len(found.buckets)}

"""What the prediction log tells of exploration, beside the rows that training and measuring read."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from ai_patterns.clients.lake import Lake
from ai_patterns.core.days import Days
from ai_patterns.core.feedback import one_per_decision
from ai_patterns.core.predictions import TABLE
from ai_patterns.spec.system import SystemSpec

_LOGGED = ("explored", "holdout", "propensity")


def with_exploration(system: SystemSpec, lake: Lake, rows: pa.Table, days: Days) -> pa.Table:
    """Rows of the training set with `holdout` and `propensity`, without those that were not acted on.

    A label of a decision that was not acted on came by another way than the declared one, so that nobody knows how
    likely it was. Both columns are null of a decision that no prediction under exploration was made for: from before
    exploration all labels came. Without exploration the rows are given back as they are.
    """
    if system.exploration is None:
        return rows
    key = list(system.decision_stream.key)
    logged = _logged(system, lake, days)
    numbered = rows.select(key).append_column("_row", pa.array(range(len(rows)), pa.int64()))
    found = numbered.join(logged, key, join_type="left outer").sort_by("_row")
    acted = pc.or_(pc.fill_null(found["explored"], True), pc.equal(pc.fill_null(found["propensity"], 1.0), 1.0))
    for name in ("holdout", "propensity"):
        rows = rows.append_column(name, found[name])
    return rows.filter(acted)


def in_holdout(lake: Lake, days: Days, predictions: pa.Table) -> pa.Table:
    """Those of the predictions decided on `days` that are in the holdout, or from before exploration."""
    dataset = lake.dataset(TABLE, days)
    if "holdout" not in dataset.schema.names:
        return predictions
    others = dataset.to_table(columns=["prediction_id"], filter=~ds.field("holdout"))["prediction_id"]
    return predictions.filter(pc.invert(pc.is_in(predictions["prediction_id"], others.combine_chunks())))


def _logged(system: SystemSpec, lake: Lake, days: Days) -> pa.Table:
    """What was assigned to each decision, by the prediction that was acted on."""
    key = list(system.decision_stream.key)
    if not lake.exists(TABLE) or "propensity" not in lake.dataset(TABLE).schema.names:
        fields = [lake.dataset("training_sets").schema.field(name) for name in key]
        flags = [("explored", pa.bool_()), ("holdout", pa.bool_()), ("propensity", pa.float64())]
        return pa.schema([*fields, *flags]).empty_table()
    columns = [*key, "prediction_id", "mode", "served_at", *_LOGGED]
    return one_per_decision(lake.read(TABLE, days, columns=columns), key).select([*key, *_LOGGED])

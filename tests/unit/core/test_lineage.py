"""What a decision counts, and who counts an event: both against the formula, event by event."""

from __future__ import annotations

import datetime as dt

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import event_streams
from ai_patterns.core.lineage import counted_sql, groups_read, resting_sql, widest
from ai_patterns.engines import duckdb
from ai_patterns.spec.features import GroupSpec
from event_streams import STREAM


def group(layer: str, key: tuple[str, ...], hop: str = "1h", windows: str = "1h, 3h") -> GroupSpec:
    counted = {"n": f"count over {windows}"}
    return GroupSpec.model_validate(
        {"stream": "events", "key": key, "layer": layer, "hop": hop, "aggregations": counted}
    )


def counts(row: dict, spec: GroupSpec, decision: dict) -> bool:
    """The formula for one event, in Python."""
    at, window = decision["decided_at"], spec.max_window
    edge = at if spec.layer == "stream" else event_streams.floor(at, spec.hop)
    known = row["known"] <= at if spec.layer == "stream" else row["known"] < edge
    inside = event_streams.floor(edge - window, spec.hop) < row["happened"] <= edge
    return inside and known and (not spec.key or row["key"] == decision["key"])


@pytest.mark.parametrize("key", [("key",), ()])
@pytest.mark.parametrize("layer", ["stream", "batch"])
@settings(max_examples=25, deadline=None)
@given(rows=event_streams.events(), minutes=st.lists(st.integers(0, 4 * 1440), min_size=1, max_size=6))
def test_both_ways_follow_the_formula(layer, key, rows, minutes):
    spec = group(layer, key)
    edges = [rows[0]["known"], rows[0]["happened"], rows[0]["happened"] + dt.timedelta(hours=3)]
    instants = [event_streams.START + minute * event_streams.MINUTE for minute in minutes] + edges
    decisions = [
        {"prediction_id": f"p{number}", "key": "ab"[number % 2], "decided_at": at} for number, at in enumerate(instants)
    ]
    events = pa.Table.from_pylist(rows, event_streams.SCHEMA)
    for decision in decisions:
        found = duckdb.run(counted_sql(spec, STREAM), {"events": events, "decisions": table([decision])})
        assert sorted(found["id"].to_pylist()) == sorted(row["id"] for row in rows if counts(row, spec, decision))
    resting = duckdb.run(resting_sql(spec, STREAM), {"events": events, "decisions": table(decisions)})
    assert set(resting["prediction_id"].to_pylist()) == {
        decision["prediction_id"] for decision in decisions if any(counts(row, spec, decision) for row in rows)
    }


@settings(max_examples=50, deadline=None)
@given(rows=event_streams.events(), minutes=st.lists(st.integers(0, 4 * 1440), min_size=1, max_size=6))
def test_the_widest_groups_count_what_all_groups_count(rows, minutes):
    groups = {
        f"{layer}-{key}-{hop}-{windows}": group(layer, key, hop, windows)
        for layer in ("stream", "batch")
        for key in ((), ("key",))
        for hop, windows in (("1h", "1h"), ("1h", "3h"), ("30m", "2h"))
    }
    kept = widest(groups)
    assert len(kept) == 4, "without a key, the longest window of each layer and hop"
    for number, minute in enumerate(minutes):
        decision = {"key": "ab"[number % 2], "decided_at": event_streams.START + minute * event_streams.MINUTE}
        for row in rows:
            any_counts = any(counts(row, spec, decision) for spec in groups.values())
            assert any_counts == any(counts(row, groups[name], decision) for name in kept)


def table(decisions: list[dict]) -> pa.Table:
    schema = pa.schema(
        [("prediction_id", pa.string()), ("key", pa.string()), ("decided_at", pa.timestamp("us", tz="UTC"))]
    )
    return pa.Table.from_pylist(decisions, schema)


def test_groups_are_found_through_on_demand_features(flights):
    read = groups_read(flights)
    assert "origin_due" in read, "the model reads it through origin_backlog alone"
    assert read == tuple(name for name in flights.groups if name in read)

"""Tiles and value logs: equal to the formula to the bit, however a period is cut into runs."""

import datetime as dt
import itertools

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import event_streams
from ai_patterns.clients.lake import Lake
from ai_patterns.core.days import Days
from ai_patterns.core.tiles import contributions_sql, partial_aggregates, tiles_sql
from ai_patterns.core.values import values_sql
from ai_patterns.engines import duckdb
from ai_patterns.jobs.features import build_features
from ai_patterns.jobs.training_set import TABLE as TRAINING_SETS
from ai_patterns.jobs.training_set import build_training_set
from ai_patterns.spec.features import GroupSpec, feature_name
from event_streams import STREAM

AGGREGATIONS = {
    "n": "count over 1h, 2d",
    "total": "sum(value) scale 100 over 3h",
    "average": "mean(value) scale 100 over 1h, 2d",
    "share": "rate(flag) over 3h",
    "lowest": "min(value) over 3h",
    "highest": "max(value) over 2d",
    "newest": "last(value) over 3h",
    "newest_at": "last(happened) over 1h",
}


def group(layer: str, key: tuple[str, ...] = ("key",)) -> GroupSpec:
    return GroupSpec.model_validate(
        {"stream": "events", "key": key, "layer": layer, "hop": "1h", "aggregations": AGGREGATIONS}
    )


def value_log(rows, spec: GroupSpec) -> pa.Table:
    events = pa.Table.from_pylist(rows, event_streams.SCHEMA)
    tiles = duckdb.run(tiles_sql(spec, STREAM), {"events": events})
    sql = f"SELECT * REPLACE (make_timestamptz(valid_from) AS valid_from) FROM ({values_sql(spec, STREAM)})"
    return duckdb.run(sql, {"events": events, "tiles": tiles})


@pytest.mark.parametrize(("layer", "key"), [("stream", ("key",)), ("batch", ("key",)), ("stream", ()), ("batch", ())])
@settings(max_examples=15, deadline=None)
@given(rows=event_streams.events(), minutes=st.lists(st.integers(0, 6 * 1440), min_size=5, max_size=5))
def test_the_log_gives_the_formula_at_any_instant(layer, key, rows, minutes):
    spec = group(layer, key)
    log = value_log(rows, spec).to_pylist()
    edges = [row["known"] for row in rows] + [row["happened"] + dt.timedelta(hours=1) for row in rows]
    instants = [event_streams.START + minute * event_streams.MINUTE for minute in minutes] + edges[:20]
    for at, entity in itertools.product(instants, ["a", "b"] if key else [None]):
        past = [row for row in log if row["valid_from"] <= at and (entity is None or row["key"] == entity)]
        found = max(past, key=lambda row: row["valid_from"], default={})
        for name, item in spec.aggregations.items():
            for window in item.windows:
                want = event_streams.expected(rows, spec, item, window, at, entity)
                got = found.get(feature_name(name, window))
                assert got == want or (want == 0.0 and got is None and not found), (name, window, at, entity)


@given(rows=event_streams.events(), cut=st.integers(0, 24))
@settings(max_examples=20, deadline=None)
def test_tiles_merge_in_any_order_and_grouping(rows, cut):
    spec = group("stream")
    merged = f"SELECT key, {', '.join(partial_aggregates(spec))} FROM parts GROUP BY key ORDER BY key"
    single = duckdb.run(contributions_sql(spec, STREAM), {"events": pa.Table.from_pylist(rows, event_streams.SCHEMA)})
    halves = [
        duckdb.run(merged, {"parts": part})
        for part in (single.slice(min(cut, len(single))), single.slice(0, cut))
        if len(part)
    ]
    assert duckdb.run(merged, {"parts": single}).equals(duckdb.run(merged, {"parts": pa.concat_tables(halves)}))


@pytest.fixture
def lake(tmp_path, system) -> Lake:
    return Lake(str(tmp_path), system.name)


@pytest.fixture(params=["stream", "batch"])
def system(request):
    return event_streams.system_with(group(request.param))


@given(rows=event_streams.events(most=40))
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_range_equals_its_days_one_by_one(rows, system, tmp_path_factory):
    days = Days(dt.date(2024, 3, 28), dt.date(2024, 4, 6))
    once, daily = (Lake(str(tmp_path_factory.mktemp("lake")), system.name) for _ in range(2))
    for lake in (once, daily):
        lake.replace_days("events/events", pa.Table.from_pylist(rows, event_streams.SCHEMA), days)
    build_features(system, once, days)
    for day in days:
        build_features(system, daily, Days(day, day))
    for table in ("tiles/activity", "values/activity"):
        assert content(once, table) == content(daily, table)


@given(rows=event_streams.events(most=40), budget=st.integers(1, 12))
@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_few_rows_at_once_make_the_same_tables(rows, budget, system, tmp_path_factory):
    days = Days(dt.date(2024, 3, 28), dt.date(2024, 4, 6))
    whole, cut = (Lake(str(tmp_path_factory.mktemp("lake")), system.name) for _ in range(2))
    for lake in (whole, cut):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AI_PATTERNS_ENGINE_BATCH_ROWS", "1000" if lake is whole else str(budget))
            lake.replace_days("events/events", pa.Table.from_pylist(rows, event_streams.SCHEMA), days)
            build_features(system, lake, days)
            assert build_training_set(system, lake, days) == len(rows)
    for table in ("tiles/activity", "values/activity", TRAINING_SETS):
        assert content(whole, table) == content(cut, table)
    assert whole.version(TRAINING_SETS) <= cut.version(TRAINING_SETS)  # a commit for each range


def test_a_day_of_the_batch_layer_closes_with_the_midnight_after_it(tmp_path):
    system = event_streams.system_with(group("batch"))
    lake, day = Lake(str(tmp_path), system.name), Days.parse("2024-03-30")
    last = day.end - 30 * event_streams.MINUTE
    row = {"id": "e", "happened": last, "known": last, "key": "a", "value": 1.0, "flag": True, "day": day.last}
    lake.replace_days("events/events", pa.Table.from_pylist([row], event_streams.SCHEMA), day)
    build_features(system, lake, day)
    values = lake.read("values/activity", day).to_pylist()
    assert [(value["valid_from"], value["n_1h"]) for value in values] == [(day.end, 1.0)]


@given(rows=event_streams.events())
@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_second_run_replaces_and_changes_nothing(rows, lake, system):
    days = Days(dt.date(2024, 3, 30), dt.date(2024, 4, 2))
    lake.replace_days(
        "events/events", pa.Table.from_pylist(rows, event_streams.SCHEMA), Days.parse("2024-03-28/2024-04-06")
    )
    first = build_features(system, lake, days), content(lake, "values/activity")
    assert (build_features(system, lake, days), content(lake, "values/activity")) == first


def content(lake: Lake, table: str) -> list[str]:
    return sorted(map(str, lake.read(table).to_pylist()))

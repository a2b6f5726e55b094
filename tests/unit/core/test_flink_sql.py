"""Jobs that cannot be, and what a job is told; the tiles themselves are held against DuckDB's by a real Flink."""

from __future__ import annotations

import pytest

from ai_patterns.core.flink_rules import acceptance
from ai_patterns.core.flink_sql import tiles_job
from ai_patterns.errors import SpecError
from ai_patterns.spec.streams import StreamSpec
from seeded_streams import STREAM, made_up_system

KAFKA = {"bootstrap.servers": "broker:9092", "sasl.jaas.config": "x password='secret';"}


def test_a_job_is_named_after_its_topic_and_keeps_state_for_its_longest_window() -> None:
    job = tiles_job(made_up_system("made_up", "made_up.events"), "by_name", KAFKA)
    assert job.name == "made_up.tiles.by_name" == job.properties["pipeline.name"]
    assert job.properties["table.exec.state.ttl"] == f"{(3 + 24) * 3600 * 1000} ms"
    source, sink = job.tables
    assert "'topic' = 'made_up.events'" in source
    assert "'topic' = 'made_up.tiles.by_name'" in sink
    assert "PRIMARY KEY (`name`, `tile_end`, `known_tile`) NOT ENFORCED" in sink
    for table in job.tables:
        assert "'properties.sasl.jaas.config' = 'x password=''secret'';'" in table


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"topic": None}, "streams.events.topic"),
        ({"columns": {**STREAM.columns, "number": "double"}}, "streams.events.key"),
    ],
)
def test_what_no_job_can_be_made_of(changes, field) -> None:
    system = made_up_system("made_up", "made_up.events")
    stream = StreamSpec.model_validate({**system.streams["events"].model_dump(), **changes})
    with pytest.raises(SpecError, match=field):
        tiles_job(system.model_copy(update={"streams": {"events": stream}}), "by_name", KAFKA)


def test_rules_of_columns_in_flink_sql() -> None:
    stream = StreamSpec.model_validate(
        {
            "sql": "a.sql", "key": ["id"], "event_time": "seen", "known_time": "seen",
            "columns": {"id": {"type": "string", "pattern": "[A-Z]'?"}, "seen": "timestamp",
                "size": {"type": "integer", "nullable": True, "min": 0, "max": 9}},
        }
    )  # fmt: skip
    told = acceptance(stream)
    for rule in (
        "(`id` IS NOT NULL)",
        r"(REGEXP(`id`, '\A(?:[A-Z]''?)\z'))",
        "(`size` IS NULL OR CAST(`size` AS DOUBLE) >= CAST('0.0' AS DOUBLE))",
        "(`size` IS NULL OR CAST(`size` AS DOUBLE) <= CAST('9.0' AS DOUBLE))",
    ):
        assert rule in told
    assert "`size` IS NOT NULL" not in told

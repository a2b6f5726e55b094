"""The proof that nothing leaks: silent on an honest training set, and loud on one that knows the future."""

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest

import event_streams
from ai_patterns.clients.lake import Lake
from ai_patterns.core.days import Days
from ai_patterns.jobs.features import build_features
from ai_patterns.jobs.leakage import check_leakage
from ai_patterns.jobs.training_set import TABLE, build_training_set, read_training_set
from ai_patterns.spec.features import GroupSpec

DAYS = Days(event_streams.START.date(), event_streams.START.date() + dt.timedelta(days=5))
GROUP = GroupSpec.model_validate(
    {
        "stream": "events",
        "key": ["key"],
        "hop": "1h",
        "aggregations": {
            "n": "count over 3h",
            "average": "mean(value) scale 100 over 1d",
            "newest": "last(value) over 3h",
        },
    }
)
SYSTEM = event_streams.system_with(GROUP)


@pytest.fixture
def lake(tmp_path) -> Lake:
    lake = Lake(str(tmp_path), SYSTEM.name)
    random = np.random.default_rng(3)
    rows = []
    for number in range(300):
        happened = event_streams.START + int(random.integers(0, 3 * 1440)) * event_streams.MINUTE
        known = happened + int(random.choice([0, 0, 5, 400])) * event_streams.MINUTE
        rows.append(
            {
                "id": f"e{number}", "happened": happened, "known": known, "key": str(random.choice(["a", "b"])),
                "value": float(random.integers(-500, 500)) / 100, "flag": bool(random.integers(2)), "day": known.date(),
            }
        )  # fmt: skip
    lake.replace_days("events/events", pa.Table.from_pylist(rows, event_streams.SCHEMA), DAYS)
    build_features(SYSTEM, lake, DAYS)
    build_training_set(SYSTEM, lake, DAYS)
    return lake


def test_an_honest_training_set_is_equal_to_its_past(lake):
    report = check_leakage(SYSTEM, lake, DAYS, decisions=200)
    assert (report.decisions, report.features, report.differing) == (200, 3, {})


def test_a_training_set_that_knows_an_hour_more_is_caught(lake):
    rows = lake.read(TABLE, DAYS)
    early = pa.compute.subtract(rows["decided_at"], pa.scalar(dt.timedelta(hours=1)))
    lake.replace_days(TABLE, rows.set_column(rows.schema.get_field_index("decided_at"), "decided_at", early), DAYS)
    differing = check_leakage(SYSTEM, lake, DAYS, decisions=200).differing
    assert set(differing) == {"activity__n_3h", "activity__average_1d", "activity__newest_3h"}


def test_a_label_is_absent_until_it_is_known(lake):
    cut = event_streams.START + dt.timedelta(days=1)
    rows = read_training_set(SYSTEM, lake, DAYS, labels_before=cut)
    known = [row["label_known_at"] for row in rows.to_pylist() if row["label"] is not None]
    assert known
    assert max(known) < cut
    assert rows["label"].null_count > 0
    assert rows.num_rows == 300


def test_a_second_build_replaces_and_changes_nothing(lake):
    before = lake.read(TABLE, DAYS).sort_by("id")
    build_training_set(SYSTEM, lake, DAYS)
    assert lake.read(TABLE, DAYS).sort_by("id").equals(before)

"""Logged features come back as numbers and words, whatever JSON made of them."""

import json

import pytest

from ai_patterns.clients.lake import Lake
from ai_patterns.core.days import Days
from ai_patterns.jobs.prediction_features import prediction_features
from unit.jobs.pumps import PUMPS, predictions


@pytest.mark.parametrize(
    ("logged", "found"),
    [
        (True, 1.0),
        (False, 0.0),
        (1.5, 1.5),
        (0.1 + 0.2, 0.1 + 0.2),
        (3, 3.0),
        ("2.5", 2.5),
        ("word", None),
        (None, None),
    ],
)
def test_a_logged_value_is_a_number(tmp_path, logged, found) -> None:
    lake, rows = Lake(str(tmp_path), "pumps"), predictions(("a", 0.5, 1, "north"))
    features = [json.dumps({"site": "north", "pressure": logged})]
    at = rows.column_names.index("features")
    lake.append("predictions", rows.set_column(at, "features", [features]), partition_by=["day", "mode"])
    (row,) = prediction_features(PUMPS, lake, Days.parse("2024-01-01"), ["site", "pressure"]).to_pylist()
    assert (row["site"], row["pressure"]) == ("north", found)

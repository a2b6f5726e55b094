"""The lake under exploration: who is trained on, who is measured on, and a log from before."""

import numpy as np
import pyarrow as pa
import pytest

from ai_patterns.clients.lake import Lake
from ai_patterns.core.days import Days
from ai_patterns.core.fitting import fit, split_rows
from ai_patterns.core.predictions import PARTITIONS
from ai_patterns.jobs.exploration import with_exploration
from ai_patterns.jobs.feedback import join_labels, measure_performance
from ai_patterns.jobs.training import read_labelled
from ai_patterns.spec.exploration import ExplorationSpec
from unit.jobs.pumps import DAY, HOUR, PUMPS, START, outcomes, predictions, training_rows

SPEC = ExplorationSpec(act="below", threshold=0.3, share=0.25, holdout=0.1)
EXPLORING = PUMPS.model_copy(update={"exploration": SPEC})
DAYS = Days.parse("2024-01-01/2024-01-02")


def logged(visit, hour, explored, holdout, propensity, score=0.5):
    row = predictions((visit, score, hour, "north"))
    for name, value in {"explored": explored, "holdout": holdout, "propensity": propensity}.items():
        place = row.schema.get_field_index(name)
        row = row.set_column(place, row.schema.field(name), pa.array([value], row.schema.field(name).type))
    return row


@pytest.fixture
def lake(tmp_path):
    """Six decisions: acted on by score, explored, in the holdout, not acted on, from before, and never predicted."""
    lake = Lake(str(tmp_path), "pumps")
    rows = training_rows([0], per_day=6)
    lake.replace_days("training_sets", rows, DAYS)
    old = predictions(("0-4", 0.5, 0, "north")).drop_columns(["explored", "holdout", "propensity"])
    lake.append("predictions", old, PARTITIONS)
    new = [
        logged("0-0", 0, False, False, 1.0),
        logged("0-1", 0, True, False, 0.25),
        logged("0-2", 0, True, True, 1.0),
        logged("0-3", 0, False, False, 0.25),
    ]
    lake.append("predictions", pa.concat_tables(new), PARTITIONS, widen=True)
    lake.replace_days("events/outcome", outcomes(*[(f"0-{n}", n % 2 == 0, 4) for n in range(6)]), DAYS)
    return lake


def test_a_log_from_before_exploration_is_widened_and_keeps_its_rows(lake):
    rows = {row["visit"]: row["propensity"] for row in lake.read("predictions").to_pylist()}
    assert rows == {"0-0": 1.0, "0-1": 0.25, "0-2": 1.0, "0-3": 0.25, "0-4": None}


def test_training_reads_what_was_acted_on_with_its_propensity(lake):
    rows = {
        row["visit"]: (row["holdout"], row["propensity"]) for row in read_labelled(EXPLORING, lake, DAYS).to_pylist()
    }
    assert rows == {
        "0-0": (False, 1.0), "0-1": (False, 0.25), "0-2": (True, 1.0), "0-4": (None, None), "0-5": (None, None),
    }  # fmt: skip
    assert read_labelled(PUMPS, lake, DAYS).num_rows == 6
    assert "holdout" not in read_labelled(PUMPS, lake, DAYS).column_names


def test_without_a_prediction_log_every_label_counts(tmp_path):
    lake = Lake(str(tmp_path), "pumps")
    lake.replace_days("training_sets", training_rows([0], per_day=3), DAYS)
    rows = with_exploration(EXPLORING, lake, lake.read("training_sets", DAYS), DAYS)
    assert rows["propensity"].to_pylist() == [None] * 3


def test_only_the_holdout_and_what_is_from_before_is_measured(lake):
    join_labels(EXPLORING, lake, START + DAY)
    (row, *_) = measure_performance(EXPLORING, lake, DAYS, START + DAY)
    assert row["rows"] == 2
    (row, *_) = measure_performance(PUMPS, lake, DAYS, START + DAY)
    assert row["rows"] == 5


def test_the_holdout_is_evaluated_and_never_fitted():
    rows = training_rows(range(40), per_day=50)
    random = np.random.default_rng(0)
    columns = {
        "label": pa.array(random.integers(0, 2, rows.num_rows), pa.float64()),
        "label_known_at": pa.array([at + HOUR for at in rows["decided_at"].to_pylist()], rows["decided_at"].type),
        "holdout": pa.array(random.random(rows.num_rows) < 0.3),
        "propensity": pa.array([1.0] * rows.num_rows),
    }
    for name, values in columns.items():
        rows = rows.append_column(name, values)
    split = split_rows(EXPLORING, rows)
    assert not any(split.fit["holdout"].to_pylist())
    assert all(split.evaluation["holdout"].to_pylist())
    assert split.evaluation.num_rows > 100


def test_a_label_weighs_by_its_propensity_in_the_fit():
    """Sites with high pressure fail; of these only a tenth is seen, so unweighted their share comes out too low."""
    random = np.random.default_rng(2)
    rows = training_rows(range(20), per_day=200)
    high = np.asarray(rows["pressure"]) > 5
    label = (random.random(len(high)) < np.where(high, 0.5, 0.1)).astype(float)
    seen = ~high | (random.random(len(high)) < 0.1)
    rows = rows.set_column(rows.schema.get_field_index("pressure"), "pressure", pa.array(np.ones(len(high))))
    rows = rows.append_column("label", pa.array(label)).append_column("propensity", pa.array(np.where(high, 0.1, 1.0)))
    chosen = rows.filter(pa.array(seen))
    naive, weighted = (fit(system, chosen).predict(rows).mean() for system in (PUMPS, EXPLORING))
    assert abs(naive - label.mean()) > 0.1
    assert weighted == pytest.approx(label.mean(), abs=0.03)

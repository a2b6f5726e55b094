"""Exploration online: the log tells what was assigned, and a batch run over the same decisions assigns the same."""

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest

import bakery
from ai_patterns.core.arrow_types import ARROW_TYPES
from ai_patterns.core.exploration import assign
from ai_patterns.services.inference.lake_sink import log_table
from ai_patterns.services.inference.logged import Scored
from ai_patterns.services.inference.protocols import mlflow, open_inference
from ai_patterns.services.inference.requests import Predictions
from ai_patterns.services.inference.rows import RowParser
from ai_patterns.spec.exploration import ExplorationSpec

AT = dt.datetime(2024, 1, 3, 12, tzinfo=dt.UTC)
SPEC = ExplorationSpec(act="above", threshold=0.5, share=0.3, holdout=0.2)
ROWS = [
    {"order_id": n, "placed_at": "2024-01-03T12:30:00+01:00", "shop": 1, "product": "rye", "grams": 2, "gift": False}
    for n in range(200)
]


@pytest.fixture(scope="module")
def system():
    return bakery.bakery()


def scored(system, assignment, scores):
    columns = RowParser(system).parse(ROWS)
    made = {name: np.zeros(len(ROWS)) for name in system.model.columns if name not in columns}
    ids = [str(row) for row in range(len(ROWS))]
    instants = [AT] * len(ROWS)
    return Scored(columns, made, scores, ids, [[]] * len(ROWS), instants, instants, 1, assignment)


def test_online_and_batch_assign_the_same(system):
    key, scores = system.decision_stream.key, np.random.default_rng(0).random(len(ROWS)).tolist()
    parsed = RowParser(system).parse(ROWS)
    online = assign(SPEC, zip(*(parsed[name] for name in key), strict=True), scores)
    schema = pa.schema([(name, ARROW_TYPES[system.decision_stream.columns[name].type]) for name in key])
    stored = pa.table({name: parsed[name] for name in key}, schema)
    batch = assign(SPEC, zip(*(stored[name].to_pylist() for name in key), strict=True), scores)
    assert online == batch
    table = log_table(system, [scored(system, online, scores)])
    assert table["explored"].to_pylist() == online.explored
    assert table["holdout"].to_pylist() == online.holdout
    assert table["propensity"].to_pylist() == online.propensity
    assert 0 < sum(online.explored) < len(ROWS) / 2


def test_without_exploration_the_columns_are_null(system):
    table = log_table(system, [scored(system, None, [0.5] * len(ROWS))])
    assert {table[name].null_count for name in ("explored", "holdout", "propensity")} == {len(ROWS)}


def test_an_answer_tells_which_rows_to_act_on_in_any_case():
    answer = Predictions([0.1, 0.2], ["i", "j"], [[], []], "bakery", 3, [True, False])
    assert mlflow.render(answer)["explored"] == [True, False]
    (explored,) = (item for item in open_inference.render(answer, None)["outputs"] if item["name"] == "explored")
    assert explored == {"name": "explored", "datatype": "BOOL", "shape": [2], "data": [True, False]}

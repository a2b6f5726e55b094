"""Each protocol reads its own forms into the same query, and refuses what is none of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

import bakery
from ai_patterns.services.inference.protocols import mlflow, open_inference, tensorflow
from ai_patterns.services.inference.requests import Predictions, RequestError

ROWS = [{"a": 1, "b": "x"}, {"a": 2, "b": None}]
COLUMNS = {"a": [1, 2], "b": ["x", None]}
ANSWER = Predictions([0.25, float("nan")], ["i", "j"], [[], ["g__f"]], "bakery", 3)


def tensor(name: str, data: list[Any], shape: list[int]) -> dict[str, Any]:
    return {"name": name, "datatype": "BYTES", "shape": shape, "data": data}


@pytest.mark.parametrize(
    "body",
    [
        {"dataframe_split": {"index": [0, 1], "columns": ["a", "b"], "data": [[1, "x"], [2, None]]}},
        {"dataframe_records": ROWS},
        {"instances": ROWS},
        {"inputs": ROWS},
        {"inputs": COLUMNS},
    ],
)
def test_mlflow_forms(body: dict[str, Any]) -> None:
    query = mlflow.parse({**body, "params": {"decided_at": "2024-01-01T00:00:00Z"}})
    assert (query.records, query.decided_at) == (ROWS, "2024-01-01T00:00:00Z")


def test_mlflow_csv_reads_empty_fields_as_null() -> None:
    assert mlflow.parse_csv("a,b\n1,x\n2,\n").records == [{"a": "1", "b": "x"}, {"a": "2", "b": None}]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("", "at least one row", id="empty"),
        pytest.param("a,b\n", "at least one row", id="header alone"),
        pytest.param("a,b\n1,x,9\n", "row 0 of the CSV must hold 2 values", id="a value too many"),
        pytest.param("a,b\n1\n", "row 0 of the CSV must hold 2 values", id="a value too few"),
        pytest.param("a,a\n1,2\n", "a name each", id="a column twice"),
    ],
)
def test_a_csv_that_would_lose_a_value_is_refused(text: str, problem: str) -> None:
    with pytest.raises(RequestError, match=problem):
        mlflow.parse_csv(text)


def test_columns_have_names() -> None:
    with pytest.raises(RequestError, match="a name each"):
        mlflow.parse({"dataframe_split": {"columns": [[]], "data": [[1]]}})


@pytest.mark.parametrize("wrong", [0, "", [], False])
def test_what_is_no_object_is_none_by_being_empty(wrong: object) -> None:
    with pytest.raises(RequestError, match="params must be a JSON object"):
        mlflow.parse({"instances": ROWS, "params": wrong})
    with pytest.raises(RequestError, match="context must be a JSON object"):
        tensorflow.parse_examples({"examples": ROWS, "context": wrong})


def test_what_is_null_is_absent() -> None:
    assert mlflow.parse({"instances": ROWS, "params": None}).records == ROWS
    assert tensorflow.parse_examples({"examples": ROWS, "context": None}).records == ROWS
    assert open_inference.parse({"inputs": [], "outputs": None, "parameters": None}).outputs == []


def test_tensorflow_rows_and_columns() -> None:
    assert tensorflow.parse({"instances": ROWS, "signature_name": "serving_default"}).records == ROWS
    query = tensorflow.parse({"inputs": COLUMNS, "decided_at": None})
    assert (query.records, query.columnar) == (ROWS, True)


@pytest.mark.parametrize("data", [[1, 2], [[1], [2]]])
def test_open_inference_tensors(data: list[Any]) -> None:
    shape = [2, 1] if isinstance(data[0], list) else [2]
    tensors = [tensor("a", data, shape), tensor("b", ["x", None], [2])]
    query = open_inference.parse({"id": "7", "inputs": tensors, "parameters": {"decided_at": "t"}})
    assert (query.records, query.id, query.decided_at) == (ROWS, "7", "t")


@pytest.mark.parametrize(
    ("parse", "body"),
    [
        (mlflow.parse, None),
        (mlflow.parse, {}),
        (mlflow.parse, {"inputs": ROWS, "instances": ROWS}),
        (mlflow.parse, {"dataframe_split": {"columns": ["a"], "data": [[1, 2]]}}),
        (mlflow.parse, {"dataframe_split": {"columns": ["a"]}}),
        (mlflow.parse, {"inputs": {"a": [1], "b": []}}),
        (mlflow.parse, {"inputs": {"a": 1}}),
        (mlflow.parse, {"instances": ROWS, "params": "now"}),
        (tensorflow.parse, {"instances": [[1, 2]]}),
        (tensorflow.parse, {"inputs": ROWS}),
        (tensorflow.parse, {"instances": ROWS, "inputs": COLUMNS}),
        (tensorflow.parse, {"instances": ROWS, "signature_name": "other"}),
        (open_inference.parse, {"inputs": {}}),
        (open_inference.parse, {"inputs": [{"data": [1], "shape": [1]}]}),
        (open_inference.parse, {"inputs": [tensor("a", [1], [1]), tensor("a", [1], [1])]}),
        (open_inference.parse, {"inputs": [tensor("a", [1, 2], [3])]}),
        (open_inference.parse, {"inputs": [tensor("a", [1, 2], [1, 2])]}),
    ],
)
def test_malformed_bodies(parse: Any, body: Any) -> None:
    with pytest.raises(RequestError) as refused:
        parse(body)
    assert refused.value.status in {400, 422}


def test_answers_are_valid_json_with_the_services_extras() -> None:
    extras = {"prediction_ids": ["i", "j"], "model_version": 3, "degraded": [[], ["g__f"]]}
    assert mlflow.render(ANSWER) == {"predictions": [0.25, None], **extras}
    assert tensorflow.render(ANSWER, columnar=True) == {"outputs": [0.25, None], **extras}
    answer = open_inference.render(ANSWER, None)
    outputs = {output["name"]: output["data"] for output in answer["outputs"]}
    assert outputs == {"score": [0.25, None], "prediction_id": ["i", "j"], "degraded": ["[]", '["g__f"]']}
    assert "id" not in answer
    json.dumps([answer], allow_nan=False)


def test_metadata_names_every_input_with_its_type() -> None:
    system = bakery.bakery()
    kinds = {item["name"]: item["datatype"] for item in open_inference.render_metadata(system, [1])["inputs"]}
    assert list(kinds) == list(system.decision.inputs)
    assert (kinds["placed_at"], kinds["shop"], kinds["grams"], kinds["gift"]) == ("BYTES", "INT64", "FP64", "BOOL")
    signature = tensorflow.render_metadata(system, 1)["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert signature["inputs"]["shop"]["dtype"] == "DT_INT64"

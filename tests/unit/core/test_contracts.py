"""A contract may grow; what takes something from a client is found and named."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ai_patterns.core.contracts import breaking_changes

ROW = {
    "type": "object",
    "required": ["id"],
    "properties": {
        "id": {"type": "string"},
        "weight": {"type": ["number", "null"]},
        "kind": {"enum": ["a", "b"]},
        "parent": {"$ref": "#/components/schemas/Row"},
    },
}
ANSWER = {
    "type": "object",
    "required": ["scores"],
    "properties": {"scores": {"type": "array", "items": {"type": "number"}}, "note": {"type": "string"}},
}


def content(schema: Any) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": schema}}}


KEPT: dict[str, Any] = {
    "paths": {
        "/rows": {
            "post": {
                "parameters": [{"in": "query", "name": "full", "required": False}],
                "requestBody": content({"type": "array", "items": {"$ref": "#/components/schemas/Row"}}),
                "responses": {"200": content(ANSWER), "422": {"description": "wrong"}},
            }
        },
        "/health": {"get": {"responses": {"200": {"description": "OK"}}}},
    },
    "components": {"schemas": {"Row": ROW}},
}

Change = Callable[[dict[str, Any]], object]


def post(document: dict[str, Any]) -> dict[str, Any]:
    return document["paths"]["/rows"]["post"]


def row(document: dict[str, Any]) -> dict[str, Any]:
    return document["components"]["schemas"]["Row"]


def answer(document: dict[str, Any]) -> dict[str, Any]:
    return post(document)["responses"]["200"]["content"]["application/json"]["schema"]


def changed(change: Change) -> dict[str, Any]:
    document = copy.deepcopy(KEPT)
    change(document)
    return document


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda it: it["paths"].pop("/health"), "GET /health: is gone"),
        (
            lambda it: it["paths"]["/rows"].update(put=post(it)) or it["paths"]["/rows"].pop("post"),
            "POST /rows: is gone",
        ),
        (lambda it: post(it)["parameters"][0].update(name="all", required=True), "needs the parameter all now"),
        (lambda it: row(it)["required"].append("weight"), "the body[].weight is required now"),
        (lambda it: row(it)["properties"]["weight"].update(type="number"), "the body[].weight may be null no more"),
        (lambda it: row(it)["properties"]["id"].update(type="integer"), "the body[].id may be string no more"),
        (lambda it: row(it)["properties"]["kind"].update(enum=["a"]), "the body[].kind takes fewer values"),
        (
            lambda it: row(it)["properties"].pop("weight") and row(it).update(additionalProperties=False),
            "the body[].weight is refused now",
        ),
        (lambda it: answer(it)["properties"].pop("note"), "the answer.note is gone"),
        (lambda it: answer(it)["required"].clear(), "the answer.scores may be missing now"),
        (
            lambda it: answer(it)["properties"]["scores"]["items"].update(type=["number", "null"]),
            "the answer.scores[] may be null now",
        ),
        (lambda it: answer(it)["properties"]["note"].pop("type"), "the answer.note may be anything now"),
        (lambda it: post(it)["responses"].update({"201": post(it)["responses"].pop("200")}), "answers 200 no more"),
        (lambda it: it["paths"]["/health"]["get"].update(requestBody={"required": True}), "needs a body now"),
    ],
)
def test_what_breaks_a_client_is_named(change: Change, problem: str) -> None:
    (found,) = breaking_changes(KEPT, changed(change))
    assert found.endswith(problem)


@pytest.mark.parametrize(
    "change",
    [
        lambda it: it["paths"].update({"/more": {"get": {}}}),
        lambda it: row(it)["properties"].update(colour={"type": "string"}),
        lambda it: row(it)["required"].clear(),
        lambda it: row(it)["properties"]["id"].update(type=["string", "integer"]),
        lambda it: row(it)["properties"]["kind"]["enum"].append("c"),
        lambda it: answer(it)["properties"].update(ids={"type": "array"}),
        lambda it: answer(it)["required"].append("note"),
        lambda it: answer(it)["properties"]["scores"]["items"].update(type="integer"),
        lambda it: post(it)["parameters"].append({"in": "query", "name": "page", "required": False}),
        lambda it: post(it)["responses"].pop("422"),
        lambda it: it.update(info={"title": "another"}),
    ],
)
def test_what_breaks_nobody_passes(change: Change) -> None:
    assert breaking_changes(KEPT, changed(change)) == []


@pytest.mark.parametrize("service", ["features", "feedback", "inference"])
def test_each_kept_contract_agrees_with_itself(repository: Path, service: str) -> None:
    kept = json.loads((repository / "include" / "contracts" / f"{service}.json").read_text("utf-8"))
    assert breaking_changes(kept, kept) == []
    for path in kept["paths"]:
        without = {**kept, "paths": {name: item for name, item in kept["paths"].items() if name != path}}
        assert breaking_changes(kept, without), path

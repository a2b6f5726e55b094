"""Public clients, unchanged, get the same scores."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest
from mlflow.pyfunc.scoring_server.client import ScoringServerClient

from client_environments import run_client
from inference_site import Site, environment, site
from server_process import Server, running, wait_until

__all__ = ["site"]

ROWS: list[dict[str, Any]] = [
    {"order_id": 1, "placed_at": "2024-01-03T12:30:00Z", "shop": 1, "product": "rye", "grams": 0.5, "gift": False},
    {
        "order_id": 2,
        "placed_at": "2024-01-03T13:31:00Z",
        "shop": 99,
        "product": "Käse & Brot",
        "grams": 2,
        "gift": True,
    },
]
COLUMNS = {name: [row[name] for row in ROWS] for name in ROWS[0]}


@pytest.fixture(scope="module")
def server(site: Site) -> Iterator[Server]:
    variables = {**environment(None), "AI_PATTERNS_API_KEYS": json.dumps({"shop": {"key": "k1"}})}
    command = [*site.command(), "--models", "champion,challenger,1"]
    with running(command, site.folder / "clients.log", variables) as server:
        wait_until(lambda: httpx.get(server.url + "/ready", timeout=30).status_code == 200, 60, server.output)
        yield server


@pytest.fixture(scope="module")
def expected(server: Server) -> list[float]:
    answer = httpx.post(server.url + "/invocations", json={"inputs": COLUMNS}, headers={"X-API-Key": "k1"}, timeout=30)
    scores: list[float] = answer.json()["predictions"]
    assert len(set(scores)) == len(ROWS)
    return scores


@pytest.mark.parametrize("name", ["triton", "kserve"])
def test_open_inference_clients(
    repository: Path, tmp_path: Path, server: Server, expected: list[float], name: str
) -> None:
    rows = tmp_path / "rows.json"
    rows.write_text(json.dumps(COLUMNS))
    place = server.url.removeprefix("http://") if name == "triton" else server.url
    told = run_client(repository, name, f"{name}.py", place, "k1", rows)
    for scores in json.loads(told.splitlines()[-1]):
        assert scores == expected


def test_mlflow_scoring_client(site: Site, tmp_path: Path) -> None:
    with running(site.command(), tmp_path / "server.log", environment(None)) as server:
        wait_until(lambda: httpx.get(server.url + "/ready", timeout=30).status_code == 200, 60, server.output)
        client = ScoringServerClient("127.0.0.1", int(server.url.rpartition(":")[2]))
        client.wait_server_ready(timeout=30)
        scores = client.invoke(pd.DataFrame(ROWS)).get_predictions()
        answer = httpx.post(server.url + "/invocations", json={"inputs": COLUMNS}, timeout=30).json()
    assert scores.iloc[:, 0].tolist() == answer["predictions"]


def test_tensorflow_serving_rest(server: Server, expected: list[float]) -> None:
    def call(method: str, path: str, body: Any = None) -> Any:
        return httpx.request(method, server.url + path, json=body, headers={"X-API-Key": "k1"}, timeout=30)

    model = "/v1/models/bakery"
    for place in ("", "/versions/1", "/labels/champion"):
        rows = call("POST", f"{model}{place}:predict", {"signature_name": "serving_default", "instances": ROWS})
        columns = call("POST", f"{model}{place}:predict", {"inputs": COLUMNS})
        shared = {"context": {"shop": 5}, "examples": ROWS}
        regress = call("POST", f"{model}{place}:regress", shared)
        assert rows.json()["predictions"] == columns.json()["outputs"] == regress.json()["result"] == expected
        assert call("GET", f"{model}{place}").json()["model_version_status"][0]["version"] == "1"
        assert call("GET", f"{model}{place}/metadata").json()["model_spec"]["name"] == "bakery"
    assert call("POST", f"{model}:classify", {"examples": ROWS}).status_code == 400
    for path in ("/labels/challenger:predict", "/versions/2:predict", "/versions/x:predict"):
        answer = call("POST", model + path, {"instances": ROWS})
        assert (answer.status_code, "champion (version 1)" in answer.json()["error"]) == (404, True)


def test_a_callers_rate(site: Site, tmp_path: Path) -> None:
    keys = {"shop": {"key": "k1", "requests_per_second": 3}, "desk": {"key": "k2"}}
    variables = {**environment(None), "AI_PATTERNS_API_KEYS": json.dumps(keys)}
    with running(site.command(), tmp_path / "server.log", variables) as server:
        wait_until(lambda: httpx.get(server.url + "/ready", timeout=30).status_code == 200, 60, server.output)

        def ask(key: str) -> httpx.Response:
            return httpx.post(server.url + "/invocations", json={"inputs": COLUMNS}, headers={"X-API-Key": key})

        answers = [ask("k1") for _ in range(20)]
        assert {answer.status_code for answer in answers} == {200, 429}
        refused = [answer for answer in answers if answer.status_code == 429]
        assert {answer.headers["retry-after"] for answer in refused} == {"1"}
        assert {ask("k2").status_code for _ in range(20)} == {200}
        assert ask("k3").status_code == 401

"""The inference service as a real process: real champion, real feature store, real lake."""

from __future__ import annotations

import datetime as dt
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pyarrow as pa
import pytest

import bakery
from ai_patterns.clients.lake import Lake
from ai_patterns.clients.mlflow import Registry
from ai_patterns.clients.online_features import OnlineFeatureReader
from ai_patterns.core.arrow_types import ARROW_TYPES
from ai_patterns.core.vectors import add_on_demand, model_matrix
from ai_patterns.jobs.feature_store import apply_repository, materialize
from ai_patterns.services.inference.rows import RowParser
from inference_site import KEY, NOON, Site, environment, site
from server_process import Server, running, wait_until

__all__ = ["site"]

ROWS: list[dict[str, Any]] = [
    {"order_id": 1, "placed_at": "2024-01-03T12:30:00Z", "shop": 1, "product": "rye", "grams": 0.5, "gift": False},
    {"order_id": 2, "placed_at": "2024-01-03T13:31:00+01:00", "shop": 99, "product": "cake", "grams": 2, "gift": True},
    {"order_id": 3, "placed_at": "2024-01-03T12:32:00Z", "shop": -7, "product": None, "grams": -1.25, "gift": False},
]


@pytest.fixture(scope="module")
def server(site: Site) -> Iterator[Server]:
    with running(site.command(), site.folder / "server.log", environment()) as server:
        wait_until(lambda: get(server, "/ready").status_code == 200, 60, server.output)
        yield server


def get(server: Server, path: str) -> httpx.Response:
    return httpx.get(server.url + path, timeout=90)


def post(server: Server, path: str, body: Any, key: str | None = KEY, **more: Any) -> httpx.Response:
    headers = {"X-API-Key": key} if key else {}
    return httpx.post(server.url + path, json=body, headers=headers, timeout=30, **more)


def expected_scores(site: Site) -> list[float]:
    columns = site.system.decision_stream.columns
    schema = pa.schema([(name, ARROW_TYPES[columns[name].type]) for name in site.system.decision.inputs])
    inputs = pa.table(RowParser(site.system).parse(ROWS), schema)
    table = OnlineFeatureReader(site.system, site.folder / "feast").read(inputs).table
    for name in inputs.column_names:
        table = table.append_column(name, inputs.column(name))
    model = site.registry.load_onnx(site.registry.require_alias("champion"))
    return list(model.predict(model_matrix(site.system, add_on_demand(site.system, table), model.encodings)))


def columns() -> dict[str, list[Any]]:
    return {name: [row[name] for row in ROWS] for name in ROWS[0]}


def tensors() -> list[dict[str, Any]]:
    return [{"name": name, "shape": [3], "datatype": "BYTES", "data": data} for name, data in columns().items()]


def test_all_protocols_give_the_scores_of_the_library(site: Site, server: Server) -> None:
    split = {"columns": [*ROWS[0]], "data": [[*row.values()] for row in ROWS]}
    invocations = [{"dataframe_split": split}, {"dataframe_records": ROWS}, {"instances": ROWS}, {"inputs": columns()}]
    answers = [post(server, "/invocations", body).json()["predictions"] for body in invocations]
    predict = "/v1/models/bakery:predict"
    answers.append(post(server, predict, {"instances": ROWS}).json()["predictions"])
    answers.append(post(server, "/v1/models/bakery/versions/1:predict", {"inputs": columns()}).json()["outputs"])
    infer = post(server, "/v2/models/bakery/infer", {"id": "a7", "inputs": tensors()}).json()
    assert (infer["id"], infer["model_name"], infer["model_version"]) == ("a7", "bakery", "1")
    answers.append({output["name"]: output["data"] for output in infer["outputs"]}["score"])
    wanted = expected_scores(site)
    assert len(set(wanted)) == 3
    assert answers == [wanted] * 7


def test_csv_is_read_as_the_spec_types_it(site: Site, server: Server) -> None:
    lines = [",".join(ROWS[0]), *(",".join("" if v is None else str(v) for v in row.values()) for row in ROWS)]
    headers = {"X-API-Key": KEY, "content-type": "text/csv"}
    answer = httpx.post(server.url + "/invocations", content="\n".join(lines), headers=headers, timeout=90)
    assert answer.json()["predictions"] == expected_scores(site)


def test_unknown_entities_are_flagged_and_take_the_default(server: Server, site: Site) -> None:
    answer = post(server, "/invocations", {"instances": ROWS}).json()
    known, unknown, nothing = answer["degraded"]
    assert known == []
    assert {name.split("__")[0] for name in unknown} == {"shop_now", "shop_product", "product"}
    assert {name.split("__")[0] for name in nothing} == {"shop_product", "product"}
    logged = wait_for_predictions(site, answer["prediction_ids"])[1]
    features = json.loads(logged["features"])
    assert (features["shop_now__bakes_1h"], features["shop_now__minutes_3h"]) == (0, None)
    assert logged["degraded"] == unknown


def test_wrong_rows_are_named(server: Server) -> None:
    def fault(**change: Any) -> dict[str, Any]:
        row = {name: value for name, value in {**ROWS[0], **change}.items() if value != "absent"}
        answer = post(server, "/invocations", {"instances": [ROWS[1], row]})
        assert answer.status_code == 422, answer.text
        return answer.json()["detail"][0]

    assert fault(grams="absent")["loc"] == ["body", 1, "grams"]
    assert fault(grams="heavy")["loc"] == ["body", 1, "grams"]
    assert fault(shop=1.5)["loc"] == ["body", 1, "shop"]
    assert fault(shop=None)["loc"] == ["body", 1, "shop"]
    assert "offset from UTC" in fault(placed_at="2024-01-03T12:30:00")["msg"]
    assert "Did you mean 'grams'?" in fault(gramms=3)["msg"]
    late = post(server, "/invocations", {"instances": ROWS, "params": {"decided_at": "yesterday"}})
    assert (late.status_code, late.json()["detail"][0]["loc"]) == (422, ["body", "decided_at"])


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/invocations", {"instances": ROWS, "inputs": columns()}, 422),
        ("/invocations", [1], 422),
        ("/v1/models/bakery:predict", {}, 422),
        ("/v1/models/bakery:predict", {"instances": [1]}, 422),
        ("/v1/models/bakery/versions/9:predict", {"instances": ROWS}, 404),
        ("/v2/models/baker/infer", {"inputs": tensors()}, 404),
        ("/v2/models/bakery/infer", {"inputs": [{"name": "shop", "shape": [2], "data": [1]}]}, 422),
        ("/invocations", {"instances": [{"note": "x" * 200_000}]}, 413),
    ],
)
def test_what_is_no_question_is_refused(server: Server, path: str, body: Any, status: int) -> None:
    answer = post(server, path, body)
    assert (answer.status_code, bool(answer.json()["error"])) == (status, True), answer.text


def test_a_body_without_announced_length_is_limited_too(server: Server) -> None:
    pieces = (b"x" * 50_000 for _ in range(10))
    answer = httpx.post(server.url + "/invocations", content=pieces, headers={"X-API-Key": KEY}, timeout=90)
    assert answer.status_code == 413


def test_no_json_is_no_crash(server: Server) -> None:
    answer = httpx.post(server.url + "/invocations", content=b"{", headers={"X-API-Key": KEY}, timeout=90)
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "path", ["/invocations", "/v1/models/bakery:predict", "/v2/models/bakery/infer", "/admin/reload"]
)
def test_strangers_are_turned_away(server: Server, path: str) -> None:
    assert post(server, path, {"instances": ROWS}, key=None).status_code == 401
    assert post(server, path, {"instances": ROWS}, key="open-sesamE").status_code == 401


def test_models_and_health_tell_of_themselves(server: Server) -> None:
    assert get(server, "/v1/models/bakery").json()["model_version_status"][0]["state"] == "AVAILABLE"
    assert "grams" in str(get(server, "/v1/models/bakery/metadata").json())
    assert [item["name"] for item in get(server, "/v2/models/bakery").json()["inputs"]] == [*ROWS[0]]
    for path in ("/v2", "/v2/health/live", "/v2/health/ready", "/v2/models/bakery/ready", "/ping"):
        assert get(server, path).status_code == 200, path
    post(server, "/invocations", {"instances": ROWS})
    metrics = get(server, "/metrics").text
    assert "ai_patterns_inference_model_version 1.0" in metrics
    assert 'ai_patterns_inference_requests_total{protocol="mlflow",status="200"}' in metrics
    assert 'ai_patterns_inference_latency_seconds_count{protocol="mlflow"}' in metrics


def wait_for_predictions(site: Site, ids: list[str]) -> list[dict[str, Any]]:
    def logged() -> dict[str, dict[str, Any]]:
        if not site.lake.exists("predictions"):
            return {}
        return {row["prediction_id"]: row for row in site.lake.read("predictions").to_pylist()}

    wait_until(lambda: set(ids) <= set(logged()), 60)
    rows = logged()
    return [rows[name] for name in ids]


def test_predictions_land_in_the_lake(site: Site, server: Server) -> None:
    decided = ["2024-01-03T11:30:00Z", None, "2024-01-02T23:59:59.999999-04:00"]
    body = {"parameters": {"decided_at": decided}, "inputs": tensors()}
    outputs = post(server, "/v2/models/bakery/infer", body).json()["outputs"]
    answer = {output["name"]: output["data"] for output in outputs}
    rows = wait_for_predictions(site, answer["prediction_id"])
    assert [row["order_id"] for row in rows] == [1, 2, 3]
    assert [row["score"] for row in rows] == answer["score"]
    assert {(row["model_version"], row["mode"]) for row in rows} == {(1, "online")}
    assert rows[0]["decided_at"] == dt.datetime(2024, 1, 3, 11, 30, tzinfo=dt.UTC)
    assert rows[1]["decided_at"] == rows[1]["served_at"]
    assert [rows[number]["day"] for number in (0, 2)] == [dt.date(2024, 1, 3), dt.date(2024, 1, 3)]
    assert [json.loads(row["features"])["grams"] for row in rows] == [0.5, 2.0, -1.25]


def test_a_new_champion_takes_over_without_an_error(site: Site, server: Server) -> None:
    answers: list[httpx.Response] = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            answers.append(post(server, "/invocations", {"instances": ROWS}))

    asking = [threading.Thread(target=ask) for _ in range(3)]
    for thread in asking:
        thread.start()
    version = bakery.register_champion(site.registry, site.system, seed=9)
    wait_until(lambda: any(answer.json().get("model_version") == version for answer in [*answers]), 30, server.output)
    site.registry.set_alias("champion", 1)
    assert post(server, "/admin/reload", {}).json() == {"model_version": 1}
    stop.set()
    for thread in asking:
        thread.join()
    assert {answer.status_code for answer in answers} == {200}
    scores = {answer.json()["model_version"]: answer.json()["predictions"] for answer in answers}
    assert set(scores) >= {1, version}
    assert np.abs(np.subtract(scores[1], scores[version])).max() > 0.1
    for answer in answers:
        assert answer.json()["predictions"] == scores[answer.json()["model_version"]]


def test_a_broken_champion_leaves_the_old_one(site: Site, server: Server) -> None:
    smaller = site.system.model_copy(
        update={"model": site.system.model.model_copy(update={"features": {"order": ("product", "grams")}})}
    )
    version = bakery.register_champion(site.registry, smaller, seed=2)
    try:
        wait_until(lambda: get(server, "/health").json()["champion"]["problem"], 60, server.output)
        assert f"version {version}" in get(server, "/health").json()["champion"]["problem"]
        assert post(server, "/invocations", {"instances": ROWS}).json()["model_version"] == 1
    finally:
        site.registry.set_alias("champion", 1)
        post(server, "/admin/reload", {})


def test_sigterm_loses_no_prediction(site: Site, tmp_path: Path) -> None:
    command = [*site.command(), "--flush-seconds", "3600"]
    with running(command, tmp_path / "server.log", environment()) as server:
        wait_until(lambda: get(server, "/ready").status_code == 200, 60, server.output)
        ids = [
            name
            for _ in range(20)
            for name in post(server, "/invocations", {"instances": ROWS}).json()["prediction_ids"]
        ]
        assert get(server, "/health").json()["prediction_log"]["waiting"] == 60
        assert "ai_patterns_inference_log_queue_rows 60.0" in get(server, "/metrics").text
        server.terminate()
    assert set(ids) <= set(site.lake.read("predictions", columns=["prediction_id"])["prediction_id"].to_pylist())


def test_what_is_away_is_a_503_that_names_the_connection(site: Site, tmp_path: Path) -> None:
    empty = Site(site.system, site.lake, Registry(f"sqlite:///{tmp_path}/mlflow.db", "bakery"), tmp_path)
    assert empty.registry.versions() == []  # makes the database before two processes would at once
    with running(empty.command(), tmp_path / "server.log", environment(key=None)) as server:
        answer = post(server, "/invocations", {"instances": ROWS}, key=None)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert answer.json()["conn_id"] == "ai_patterns_mlflow"
        assert post(server, "/admin/reload", {}, key="any").status_code == 403
        bakery.register_champion(empty.registry, empty.system, seed=1)
        wait_until(lambda: get(server, "/ready").json().get("conn_id") == "ai_patterns_online_store", 30, server.output)
        apply_repository(site.system, site.lake, tmp_path / "feast")
        materialize(site.system, site.lake, tmp_path / "feast", NOON)
        assert post(server, "/invocations", {"instances": ROWS}, key=None).status_code == 200


def test_a_lake_that_is_away_delays_the_log_not_the_answer(site: Site, tmp_path: Path) -> None:
    blocked = tmp_path / "lake"
    blocked.write_text("a file stands where the lake should be")
    with running(site.command(str(blocked)), tmp_path / "server.log", environment()) as server:
        wait_until(lambda: get(server, "/ready").status_code == 200, 60, server.output)
        ids = post(server, "/invocations", {"instances": ROWS}).json()["prediction_ids"]
        wait_until(lambda: get(server, "/health").json()["prediction_log"]["failures"] > 0, 60, server.output)
        blocked.unlink()
        wait_until(lambda: get(server, "/health").json()["prediction_log"]["waiting"] == 0, 60, server.output)
    rows = Lake(str(blocked), "bakery").read("predictions", columns=["prediction_id"])
    assert rows["prediction_id"].to_pylist() == ids

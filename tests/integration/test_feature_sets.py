"""A system's named sets of features over HTTP: what the reader of the inference service gives, to the bit."""

from __future__ import annotations

import datetime as dt
import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pytest
from tecton_client import MetadataOptions, TectonClient

from ai_patterns.clients.feast import open_store, write_online
from ai_patterns.clients.feast_repository import feature_types, key_columns, view_names
from ai_patterns.clients.lake import Lake
from ai_patterns.clients.online_features import OnlineFeatureReader
from ai_patterns.clients.tile_stores import open_tile_store
from ai_patterns.core.arrow_types import ARROW_TYPES
from ai_patterns.core.clock import to_microseconds
from ai_patterns.core.speed import AT_ONCE, partial_names
from ai_patterns.core.tile_rows import Boundary, Change
from ai_patterns.core.tiles import last_columns
from ai_patterns.core.vectors import add_on_demand
from ai_patterns.jobs.feature_store import apply_repository
from ai_patterns.spec.system import SystemSpec
from server_process import Server, running

KEY = {"carrier": "UA", "flight": "1545", "origin": "EWR", "dest": "IAH", "tailnum": "N14228"}
STRANGER = {"carrier": "ZZ", "flight": "1", "origin": "EWR", "dest": "XXX", "tailnum": None}
NOW = dt.datetime.now(dt.UTC).replace(second=0, microsecond=0)


def request(key: dict[str, Any]) -> dict[str, Any]:
    departure = (NOW + dt.timedelta(hours=1)).isoformat()
    return {"flight_id": "f", "scheduled_departure": departure, "distance": 1400.0, "arrival_hour": 9.5, **key}


@pytest.fixture(scope="module")
def system(flights: SystemSpec) -> SystemSpec:
    return flights


@pytest.fixture(scope="module")
def folder(system: SystemSpec, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The flights' repository: batch groups in Feast's store, groups of the stream layer as tiles up to now."""
    folder = tmp_path_factory.mktemp("flights")
    apply_repository(system, Lake(str(folder / "lake"), system.name), folder / "feast")
    store, draw = open_store(folder / "feast"), random.Random(3)
    for name in view_names(system):
        if name in system.lookups or system.groups[name].layer == "batch":
            write_online(store, store.get_feature_view(name), _values(system, name, draw))
    _draw_tiles(system, folder / "feast", draw)
    return folder


def _values(system: SystemSpec, view: str, draw: random.Random) -> pa.Table:
    names = feature_types(system, view)
    keys = {name: [KEY[name]] for name in system.key_of(view)} or {"__dummy_id": [""]}
    return pa.table({**keys, "valid_from": [NOW], **{name: [draw.random()] for name in names}})


def _draw_tiles(system: SystemSpec, folder: Path, draw: random.Random) -> None:
    """Tiles of the last hours: what ended 30 minutes ago is in every window, what ended two hours ago not in 1h."""
    tiles = open_tile_store(system, f"sqlite:///{folder / 'data' / 'tiles.db'}")
    at = NOW.replace(hour=0, minute=0)
    rows = {
        name: [_change(system, name, NOW - dt.timedelta(minutes=age), draw) for age in (30, 120)]
        for name, group in system.groups.items()
        if group.layer == "stream"
    }
    tiles.seal(at)
    tiles.advance(Boundary(at), rows, {})


def _change(system: SystemSpec, name: str, end: dt.datetime, draw: random.Random) -> Change:
    group = system.groups[name]
    entity = tuple(KEY[key] for key in group.key)
    ended = to_microseconds(end)
    partials = [_partial(system, name, partial, ended, draw) for partial in partial_names(group)]
    return Change(entity, ended, AT_ONCE, "batch", partials)


def _partial(system: SystemSpec, name: str, partial: str, ended: int, draw: random.Random) -> Any:
    if partial != "newest":
        return draw.random() if partial.endswith(("_min", "_max")) else draw.randrange(1, 50)
    end = dt.datetime.fromtimestamp(ended // 1_000_000, dt.UTC)
    columns = system.streams[system.groups[name].stream].columns
    kinds = [columns[column].type for column in last_columns(system.groups[name])]
    return [ended, ended, "id", *(end if kind == "timestamp" else draw.random() for kind in kinds)]


@pytest.fixture(scope="module")
def server(system: SystemSpec, folder: Path) -> Iterator[Server]:
    command = [sys.executable, "-m", "ai_patterns.services.features"]
    command += ["--repo", str(folder / "feast"), "--system-folder", str(system.folder)]
    with running(command, folder / "server.log", {"PYTHONPATH": os.pathsep.join(sys.path)}) as server:
        yield server


def expected(system: SystemSpec, folder: Path, rows: list[dict[str, Any]]) -> pa.Table:
    """By the reader that the inference service uses, and the on-demand features of training."""
    columns = system.decision_stream.columns
    inputs = {
        name: pa.array(
            [dt.datetime.fromisoformat(row[name]) if columns[name].type == "timestamp" else row[name] for row in rows],
            ARROW_TYPES[columns[name].type],
        )
        for name in system.decision.inputs
    }
    found = OnlineFeatureReader(system, folder / "feast").read(pa.table(inputs)).table
    return add_on_demand(system, pa.table({**inputs, **dict(zip(found.column_names, found.columns, strict=True))}))


def test_the_models_features_are_those_of_the_inference_service(
    system: SystemSpec, folder: Path, server: Server
) -> None:
    rows = [request(KEY), request(STRANGER)]
    entities = {name: [row[name] for row in rows] for name in rows[0]}
    answer = httpx.post(
        f"{server.url}/get-online-features", json={"feature_service": "flights", "entities": entities}, timeout=30
    )
    assert answer.status_code == 200, answer.text
    document, wanted = answer.json(), expected(system, folder, rows)
    assert document["metadata"]["feature_names"] == list(system.model.columns)
    found = dict(zip(system.model.columns, document["results"], strict=True))
    for name in system.model.columns:
        assert found[name]["values"] == wanted.column(name).to_pylist(), name
    assert sum(value is not None for value in wanted.column("origin_now__late_1h").to_pylist()) == 2
    assert wanted.column("origin_now__departures_3h")[0].as_py() > wanted.column("origin_now__departures_1h")[0].as_py()
    assert found["carrier_now__late_1h"]["statuses"] == ["PRESENT", "NOT_FOUND"]


def test_tectons_client_reads_the_named_set(system: SystemSpec, folder: Path, server: Server) -> None:
    client = TectonClient(url=server.url, api_key="any", default_workspace_name="flights")
    shape = client.get_feature_service_metadata(feature_service_name="flights")
    keys = {item["name"] for item in shape.input_join_keys}
    assert keys == set(key_columns(system))
    row = request(KEY)
    answer = client.get_features(
        feature_service_name="flights",
        join_key_map={name: row[name] for name in keys},
        request_context_map={item["name"]: row[item["name"]] for item in shape.input_request_context_keys},
        metadata_options=MetadataOptions(include_names=True, include_data_types=True, include_serving_status=True),
    )
    features, wanted = answer.get_features_dict(), expected(system, folder, [row])
    assert len(features) == len(system.model.columns)
    for name, column in (
        ("on_demand.origin_backlog", "origin_backlog"),
        ("dest_left.late_3h", "dest_left__late_3h"),
        ("request.carrier", "carrier"),
    ):
        assert features[name] == wanted.column(column)[0].as_py()


def test_a_wrong_input_is_named(server: Server) -> None:
    entities = {name: [value] for name, value in request(KEY).items()}
    for change, told in (
        ({"scheduled_departure": ["noon"]}, "scheduled_departure"),
        ({"scheduled_departure": ["2026-01-01T12:00:00"]}, "offset"),
        ({"distance": ["far"]}, "distance"),
        ({"carrier": [7]}, "carrier"),
    ):
        body = {"feature_service": "flights", "entities": {**entities, **change}}
        answer = httpx.post(f"{server.url}/get-online-features", json=body, timeout=30)
        assert (answer.status_code, told in answer.text) == (422, True), answer.text
    del entities["distance"]
    body = {"feature_service": "flights", "entities": entities}
    answer = httpx.post(f"{server.url}/get-online-features", json=body, timeout=30)
    assert (answer.status_code, answer.json()) == (422, {"detail": "the request lacks distance"})

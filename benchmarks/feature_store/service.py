"""The feature service beside `feast serve` over HTTP: the same Redis, the same registry, the same requests."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pandas as pd

from ai_patterns.clients.feast import open_store
from ai_patterns.runtimes.redis import Redis
from feature_store.servers import feast_command, our_command, serving
from feature_store.stage import plane_numbers

ENTITIES, FEATURES, CONNECTIONS = 5_000, 14, 8
FLIGHTS = 20_000
SHIPPED, TUNED, OURS = "feast serve", "feast serve, tuned", "ours"
_NAMES = [f"f{number}" for number in range(FEATURES)]
_LOAD = Path(__file__).with_name("load.py")
_GOALS = {SHIPPED: 15.0, TUNED: 7.0}

Figures = dict[str, Any]


def measure(folder: Path, seconds: float) -> list[Figures]:
    """Fill the store by Feast itself, compare the answers, then take the times, each side in turn."""
    redis = Redis(folder / "redis")
    redis.up()
    try:
        repo = make_repository(folder / "repo", redis.address)
        sides = {
            SHIPPED: feast_command(repo),
            TUNED: feast_command(repo, "--max-requests", "0", "--max-requests-jitter", "0", "--no-access-log"),
            OURS: our_command(repo),
        }
        taken = {name: _side(folder, name, command, seconds) for name, command in sides.items()}
    finally:
        redis.down()
    _agree({name: answers for name, (answers, _) in taken.items()})
    return figures({name: loads for name, (_, loads) in taken.items()})


def make_repository(folder: Path, redis: str) -> Path:
    """A view of doubles and a push source beside it, applied and filled by Feast."""
    from feast import Entity, FeatureView, Field, FileSource, PushSource, ValueType
    from feast.types import Float64

    (folder / "data").mkdir(parents=True)
    (folder / "feature_store.yaml").write_text(
        f"project: bench\nprovider: local\nregistry: {folder.absolute()}/data/registry.db\n"
        f"online_store: {{type: redis, connection_string: '{redis}'}}\noffline_store: {{type: file}}\n"
        "entity_key_serialization_version: 3\n",
        "utf-8",
    )
    draw = random.Random(4)  # noqa: S311
    columns = {name: [draw.uniform(-1e6, 1e6) for _ in range(ENTITIES)] for name in _NAMES}
    now = datetime.now(UTC)
    frame = pd.DataFrame({"driver_id": range(ENTITIES), "event_timestamp": [now] * ENTITIES, **columns})
    frame.to_parquet(folder / "stats.parquet")
    batch = FileSource(name="stats", path=str((folder / "stats.parquet").absolute()), timestamp_field="event_timestamp")
    driver = Entity(name="driver", join_keys=["driver_id"], value_type=ValueType.INT64)
    schema = [Field(name=name, dtype=Float64) for name in _NAMES]
    shared: dict[str, Any] = {"entities": [driver], "ttl": timedelta(0), "schema": schema}
    store = open_store(folder)
    live = FeatureView(name="live", source=PushSource(name="live_push", batch_source=batch), **shared)
    store.apply([driver, FeatureView(name="stats", source=batch, **shared), live])
    store.write_to_online_store("stats", frame)
    return folder


def _side(folder: Path, name: str, command: Sequence[str], seconds: float) -> tuple[Any, dict[str, Figures]]:
    """One server's answers and loads."""
    draw = random.Random(9)  # noqa: S311
    environment = {"AI_PATTERNS_WRITE_KEYS": "bench=bench"}
    with serving(list(command), environment, folder / "server.log") as url:
        reads = {rows: _reads(rows) for rows in (1, 100)}
        answers = [_values(url, body) for body in [*reads[1][:200], *reads[100][:20]]]
        loads = {
            f"{rows} row{'s' * (rows > 1)}": _load(folder, f"{url}/get-online-features", bodies, seconds)
            for rows, bodies in reads.items()
        }
        loads["push of 1 row"] = _load(folder, f"{url}/push", [_push(draw, name) for _ in range(200)], seconds)
        pushed = json.dumps({"features": ["live:f0"], "entities": {"driver_id": [7]}})
        if _values(url, pushed)["f0"] != [float(len(name))]:
            raise AssertionError(f"what was pushed to {name!r} is not what it serves")
    return answers, loads


def _reads(rows: int) -> list[str]:
    """Requests for the planes of flights in the order of departure, `rows` flights each.

    A load goes through them several times, the one before it once: what a side keeps, it has by then.
    """
    planes = plane_numbers()[:FLIGHTS]
    asked = {"features": [f"stats:{name}" for name in _NAMES]}
    return [
        json.dumps({**asked, "entities": {"driver_id": planes[start : start + rows]}})
        for start in range(0, len(planes), rows)
    ]


def _push(draw: random.Random, side: str) -> str:
    values = {name: [draw.random()] for name in _NAMES} | {"f0": [float(len(side))]}
    frame = {"driver_id": [7], "event_timestamp": [datetime.now(UTC).isoformat()], **values}
    return json.dumps({"push_source_name": "live_push", "df": frame})


def _values(url: str, body: str) -> dict[str, list[Any]]:
    headers = {"Content-Type": "application/json"}
    asked = httpx.post(f"{url}/get-online-features", content=body, headers=headers, timeout=30)
    answer = asked.raise_for_status().json()
    return {
        name: column["values"]
        for name, column in zip(answer["metadata"]["feature_names"], answer["results"], strict=True)
    }


def _load(folder: Path, url: str, bodies: list[str], seconds: float) -> Figures:
    file = folder / "bodies.json"
    file.write_text(json.dumps(bodies), "utf-8")
    command = [sys.executable, str(_LOAD), url, str(file), str(CONNECTIONS)]
    subprocess.run([*command, "1"], check=True, capture_output=True)  # noqa: S603
    ran = subprocess.run([*command, str(seconds)], check=True, capture_output=True, text=True)  # noqa: S603
    found: Figures = json.loads(ran.stdout)
    return found


def _agree(answers: dict[str, Any]) -> None:
    for name, found in answers.items():
        if found != answers[SHIPPED]:
            raise AssertionError(f"{name!r} and {SHIPPED!r} do not answer alike")


def figures(loads: dict[str, dict[str, Figures]]) -> list[Figures]:
    """Each peer's figures beside ours, with the goals."""
    found = []
    for peer, rate_goal in _GOALS.items():
        for measure_name, theirs in loads[peer].items():
            ours = loads[OURS][measure_name]
            goal = 10.0 if measure_name.startswith("push") else rate_goal
            told = {"peer": peer, "failed": {"ours": ours["failed"], "theirs": theirs["failed"]}}
            found.append(
                {"measure": f"requests/s, {measure_name}", **told, **_ratio(ours["rate"], theirs["rate"], goal)}
            )
            found.append(
                {"measure": f"p50 ms, {measure_name}", "peer": peer, **_ratio(ours["p50"], theirs["p50"], None)}
            )
            found.append(
                {"measure": f"p99 ms, {measure_name}", "peer": peer, **_ratio(ours["p99"], theirs["p99"], 0.1)}
            )
    return found


def _ratio(ours: float, theirs: float, goal: float | None) -> Figures:
    ratio = ours / theirs
    told: Figures = {"ours": round(ours, 2), "theirs": round(theirs, 2), "ratio": round(ratio, 3)}
    if goal is None:
        return told
    return told | {"goal": goal, "met": ratio >= goal if goal > 1 else ratio <= goal}

"""The infrastructure check: a version in a real server of its own, before anybody depends on it."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import pyarrow as pa

from ai_patterns.clients.lake import Lake
from ai_patterns.clients.mlflow import LoadedModel, Registry
from ai_patterns.core.days import Days
from ai_patterns.core.predictions import TABLE
from ai_patterns.core.promotion import Gate
from ai_patterns.core.server_gates import latency_gate, parity_gate, refused_gate
from ai_patterns.errors import ServiceRejectedError, ServiceUnavailableError
from ai_patterns.jobs.model_rows import predict_rows
from ai_patterns.jobs.prediction_features import prediction_features
from ai_patterns.jobs.probing import plain_input
from ai_patterns.jobs.server_process import ServerProcess, serving
from ai_patterns.spec.system import SystemSpec

_WARM_UP = 10
"""Requests that are not timed."""


def server_gates(
    system: SystemSpec, registry: Registry, model: LoadedModel, rows: pa.Table, repository: Path
) -> list[Gate]:
    """Serve a version, ask it about some rows one by one, and hold its answers and times against the gates.

    The features are those of the online store now, so they are not the rows' own; parity is that of the scores on the
    features that the server logged.

    Args:
        system: the system; its spec asks for the check.
        registry: where the server finds the version.
        model: the version, as batch scoring loads it.
        rows: decisions to ask about; the newest are taken.
        repository: folder of the applied Feast repository.

    Raises:
        ServiceUnavailableError: the feature store is away, or the server ended.
    """
    spec = system.gates.server
    if spec is None:
        return []
    with tempfile.TemporaryDirectory(prefix="ai-patterns-trial-") as folder:
        lake = Lake(f"{folder}/lake", system.name)
        arguments = {
            "--system-folder": system.folder,
            "--lake": lake.uri,
            "--tracking-uri": registry.tracking_uri,
            "--feature-repo": repository,
            "--models": model.version,
            "--poll-seconds": 1,
        }
        flat = [str(part) for pair in arguments.items() for part in pair]
        try:
            with serving(flat, Path(folder)) as server:
                server.wait_until_ready()
                scores, seconds = _ask(system, server, rows, spec.requests)
                server.stop()
                batch = _batch_scores(system, lake, model)
                if not scores.keys() <= batch.keys():
                    raise ServiceUnavailableError(f"the inference server lost predictions; it said: {server.said}")
        except ServiceRejectedError as error:
            return [refused_gate(str(error))]
        return [latency_gate(spec, seconds), parity_gate([*scores.values()], [batch[name] for name in scores])]


def _ask(
    system: SystemSpec, server: ServerProcess, rows: pa.Table, requests: int
) -> tuple[dict[str, float], list[float]]:
    newest = rows.sort_by([("decided_at", "descending")]).slice(0, requests).to_pylist()
    scores, seconds = {}, []
    for number in range(_WARM_UP + requests):
        row = newest[number % len(newest)]
        inputs = {name: plain_input(row[name]) for name in system.decision.inputs}
        started = time.perf_counter()
        name, score = server.predict(inputs, row["decided_at"].isoformat())
        seconds.append(time.perf_counter() - started)
        scores[name] = score
    return scores, seconds[_WARM_UP:]


def _batch_scores(system: SystemSpec, lake: Lake, model: LoadedModel) -> dict[str, float]:
    """What batch scoring gives for the features that the server logged, by prediction."""
    if not lake.exists(TABLE):
        return {}
    days = lake.read(TABLE, columns=["day"])["day"].to_pylist()
    logged = prediction_features(system, lake, Days(min(days), max(days)), model.columns)
    return dict(zip(logged["prediction_id"].to_pylist(), predict_rows(system, model, logged).tolist(), strict=True))

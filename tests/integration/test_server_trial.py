"""The infrastructure check: a real server, started for one version alone, on a real registry and feature store."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

import bakery
from ai_patterns.core.arrow_types import ARROW_TYPES
from ai_patterns.core.promotion import Gate
from ai_patterns.errors import ServiceUnavailableError
from ai_patterns.jobs.server_trial import server_gates
from ai_patterns.spec.system import SystemSpec
from inference_site import NOON, Site, site

__all__ = ["site"]


def asking(system: SystemSpec, max_p99_ms: float) -> SystemSpec:
    """The system with the gate."""
    gates = type(system.gates).model_validate(
        {**system.gates.model_dump(exclude_none=True), "server": {"max_p99_ms": max_p99_ms, "requests": 40}}
    )
    return system.model_copy(update={"gates": gates})


def orders(system: SystemSpec) -> pa.Table:
    """Decisions of known and unknown entities, with all that an input may be."""
    columns = system.decision_stream.columns
    rows = [
        {
            "order_id": number,
            "placed_at": NOON,
            "decided_at": NOON,
            "gift": number % 2 == 0,
            "shop": (1, 2, -7, 99)[number % 4],
            "product": ("rye", "cake", None)[number % 3],
            "grams": number / 7,
        }
        for number in range(30)
    ]
    kinds = {name: ARROW_TYPES[columns[name].type] for name in system.decision.inputs}
    return pa.Table.from_pylist(rows, pa.schema([*kinds.items(), ("decided_at", ARROW_TYPES["timestamp"])]))


def attempt(site: Site, version: int, max_p99_ms: float = 5000.0, repository: Path | None = None) -> list[Gate]:
    system = asking(site.system, max_p99_ms)
    model, store = site.registry.load_onnx(version), repository or site.folder / "feast"
    return server_gates(system, site.registry, model, orders(system), store)


def test_a_version_that_nobody_serves_yet_is_timed_and_equals_batch_scoring(site: Site) -> None:
    version = bakery.register(site.registry, site.system, seed=3)
    latency, parity = attempt(site, version)
    assert latency.passed
    assert 0 < latency.value < 5000
    assert (parity.passed, parity.detail) == (True, "0 of 50 served scores differ from batch scoring")
    assert not site.lake.exists("predictions")
    assert site.registry.alias("champion") == 1


def test_a_version_that_answers_too_late_is_refused(site: Site) -> None:
    latency, parity = attempt(site, 1, max_p99_ms=0.001)
    assert (latency.passed, parity.passed) == (False, True)
    assert "at most 0.001 ms are allowed" in latency.detail


def test_a_version_that_the_server_does_not_take_is_refused_with_its_reason(site: Site) -> None:
    model = site.system.model.model_copy(update={"features": {"order": ("product", "grams")}})
    version = bakery.register(site.registry, site.system.model_copy(update={"model": model}), seed=2)
    (gate,) = attempt(site, version)
    assert not gate.passed
    assert f"version {version} was trained on other columns than the spec names" in gate.detail


def test_a_store_that_is_away_is_a_reason_to_try_again(site: Site, tmp_path: Path) -> None:
    with pytest.raises(ServiceUnavailableError, match=r"no Feast repository .*ai_patterns_online_store"):
        attempt(site, 1, repository=tmp_path / "nothing")

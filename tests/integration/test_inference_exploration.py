"""A served system that explores: the answer says which rows to act on in any case, the log how likely that was."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import httpx
import pytest

import bakery
from ai_patterns.core.exploration import assign
from ai_patterns.spec.loading import load_system
from inference_site import KEY, Site, environment, site
from server_process import running, wait_until

__all__ = ["site"]

ROWS: list[dict[str, Any]] = [
    {"order_id": n, "placed_at": "2024-01-03T12:30:00Z", "shop": 1, "product": "rye", "grams": n / 9, "gift": False}
    for n in range(60)
]


@pytest.fixture(scope="module")
def exploring(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("systems") / "bakery"
    shutil.copytree(bakery.FOLDER, folder)
    spec = folder / "system.yaml"
    section = "\nexploration: {act: above, threshold: 1.0e9, share: 0.3, holdout: 0.1}\n"
    spec.write_text(spec.read_text("utf-8") + section, "utf-8")
    return folder


def logged_rows(site: Site) -> int:
    return site.lake.read("predictions").num_rows if site.lake.exists("predictions") else 0


def test_what_is_answered_is_what_is_logged_and_what_batch_would_assign(site: Site, exploring: Path) -> None:
    command = [str(exploring) if part == str(bakery.FOLDER) else part for part in site.command()]
    with running(command, site.folder / "exploring.log", environment()) as server:
        wait_until(lambda: httpx.get(server.url + "/ready", timeout=90).status_code == 200, 60, server.output)
        asked = {"json": {"instances": ROWS}, "headers": {"X-API-Key": KEY}, "timeout": 30}
        answer = httpx.post(server.url + "/invocations", **asked).json()
        again = httpx.post(server.url + "/invocations", **asked).json()
        wait_until(lambda: logged_rows(site) == 2 * len(ROWS), 60, server.output)
    system = load_system(exploring)
    assert system.exploration is not None
    wanted = assign(system.exploration, [(row["order_id"],) for row in ROWS], answer["predictions"])
    assert answer["explored"] == again["explored"] == wanted.explored
    assert 5 < sum(wanted.explored) < 40
    logged = {row["prediction_id"]: row for row in site.lake.read("predictions").to_pylist()}
    rows = [logged[name] for name in answer["prediction_ids"]]
    assert [row["explored"] for row in rows] == wanted.explored
    assert [row["holdout"] for row in rows] == wanted.holdout
    assert [row["propensity"] for row in rows] == wanted.propensity

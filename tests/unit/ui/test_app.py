"""The pages' application: whatever is away, each page answers and says what is missing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from ai_patterns.ui.app import build
from ai_patterns.ui.pages import PAGES


@pytest.fixture
def client(docks_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """The application to somebody who may see it, on a lake that is away."""
    (tmp_path / "systems").mkdir()
    (tmp_path / "systems" / "docks").symlink_to(docks_folder)
    monkeypatch.setenv("AI_PATTERNS_SYSTEMS", str(tmp_path / "systems"))
    connection = {"conn_type": "ai_patterns_lake", "host": str(tmp_path / "unmounted")}
    monkeypatch.setenv("AIRFLOW_CONN_AI_PATTERNS_LAKE", json.dumps(connection))
    app = build()
    for dependency in app.router.dependencies:
        app.dependency_overrides[dependency.dependency] = lambda: None
    return TestClient(app)


@pytest.mark.parametrize("page", [*PAGES, "predictions/1"])
def test_a_page_of_a_lake_that_is_away_says_so(client: TestClient, page: str) -> None:
    answer = client.get(f"/systems/docks/{page}")
    assert answer.status_code == 503
    assert 'role="alert"' in answer.text
    assert "is it mounted?" in answer.text


@pytest.mark.parametrize("path", ["/", "/dags/docks__monitoring", "/systems/docks"])
def test_the_map_stays_when_a_lake_is_away(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    assert "no figures" in answer.text
    assert "is it mounted?" in answer.text


def test_what_is_no_system_is_not_found(client: TestClient) -> None:
    assert client.get("/systems/nobody").status_code == 404

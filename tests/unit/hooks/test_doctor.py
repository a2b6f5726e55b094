"""How the package stands in Airflow: registration, DAG files and connections."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ai_patterns.hooks import doctor
from ai_patterns.hooks.doctor import examine_airflow
from ai_patterns.jobs.doctor import Finding


@pytest.fixture
def airflow(tmp_path: Path, monkeypatch) -> Path:
    """A drop-in."""
    for name in ("plugins", "dags"):
        (tmp_path / name).mkdir()
        monkeypatch.setenv(f"AIRFLOW__CORE__{name.upper()}_FOLDER", str(tmp_path / name))
    package = Path(doctor.__file__).parents[1]
    (tmp_path / "plugins" / "ai_patterns").mkdir()
    for name in ("plugin.py", ".airflowignore"):
        shutil.copy(package / name, tmp_path / "plugins" / "ai_patterns" / name)
    shutil.copy(package.parents[1] / "dags" / "monitoring.py", tmp_path / "dags")
    return tmp_path


def found() -> dict[str, Finding]:
    return {finding.subject: finding for finding in examine_airflow()}


def test_a_drop_in_is_whole(airflow: Path) -> None:
    findings = found()
    assert {finding.state for finding in findings.values()} == {"good"}
    assert findings["DAG files"].detail == f"1 in {airflow / 'dags'}"
    assert findings["ai_patterns_lake"].detail == "not set: the embedded default"


def test_the_hidden_file_was_left_behind(airflow: Path) -> None:
    (airflow / "plugins" / "ai_patterns" / ".airflowignore").unlink()
    plugin = found()["plugin"]
    assert plugin.state == "wrong"
    assert ".airflowignore" in plugin.detail


def test_drop_in_and_wheel_register_once(airflow: Path, monkeypatch) -> None:
    versions = {"apache-airflow": "3.3.2", "ai-patterns-airflow": "0.1.0"}
    monkeypatch.setattr(doctor, "version_of", versions.get)
    assert found()["plugin"].detail.endswith("the wheel 0.1.0 stands back")
    shutil.rmtree(airflow / "plugins" / "ai_patterns")
    assert found()["plugin"].detail == "the wheel 0.1.0"
    versions.pop("ai-patterns-airflow")
    assert "pip install the wheel" in found()["plugin"].remedy


@pytest.mark.parametrize(("version", "state"), [("3.0.6", "wrong"), ("3.1.0", "absent"), ("3.10.1", "good")])
def test_versions_of_airflow(airflow: Path, monkeypatch, version: str, state: str) -> None:
    monkeypatch.setattr(doctor, "version_of", {"apache-airflow": version}.get)
    assert found()["Airflow"].state == state


def test_a_connection_to_nowhere_is_told_with_its_remedy(airflow: Path, monkeypatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_AI_PATTERNS_LAKE", '{"conn_type": "generic", "host": "/no/such/lake"}')
    monkeypatch.setenv("AIRFLOW_CONN_AI_PATTERNS_SERVING", "http://127.0.0.1:9")
    findings = found()
    assert findings["ai_patterns_lake"].state == findings["ai_patterns_serving"].state == "wrong"
    assert "/no/such/lake is not there" in findings["ai_patterns_lake"].remedy

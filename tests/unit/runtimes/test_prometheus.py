"""What the runtimes write for Prometheus and Alertmanager, and where they find the files that come with the package."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ai_patterns.cli import main
from ai_patterns.errors import MissingProgramError
from ai_patterns.runtimes import statsd_exporter
from ai_patterns.runtimes.alertmanager import WEBHOOK, Alertmanager
from ai_patterns.runtimes.artefacts import artefact
from ai_patterns.runtimes.prometheus import Prometheus, announced, targets


def test_prometheus_knows_what_was_started_before(tmp_path: Path, require_program) -> None:
    require_program("prometheus")
    prometheus = Prometheus(tmp_path / "prometheus")
    prometheus.home.mkdir()
    prometheus.prepare(9090)
    alone = json.loads((prometheus.home / "prometheus.yml").read_text("utf-8"))
    assert alone["alerting"]["alertmanagers"] == alone["scrape_configs"][0]["static_configs"] == []
    for name, port in (("statsd", "1"), ("alertmanager", "2")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "port").write_text(port, "utf-8")
    prometheus.prepare(9090)
    settings = json.loads((prometheus.home / "prometheus.yml").read_text("utf-8"))
    assert settings["scrape_configs"][0]["static_configs"] == [{"targets": ["127.0.0.1:1"]}]
    assert settings["alerting"]["alertmanagers"][0]["static_configs"] == [{"targets": ["127.0.0.1:2"]}]
    assert all(Path(file).is_file() for file in settings["rule_files"])


def test_alerts_go_to_the_webhook_where_there_is_one(tmp_path: Path, require_program) -> None:
    require_program("prometheus-alertmanager")
    alerts = Alertmanager(tmp_path / "alertmanager")
    alerts.home.mkdir()
    alerts.prepare(9093)
    assert "webhook" not in (alerts.home / "alertmanager.yml").read_text("utf-8")
    (alerts.home / WEBHOOK).write_text("http://127.0.0.1:1/\n", "utf-8")
    alerts.prepare(9093)
    assert "url: 'http://127.0.0.1:1/'" in (alerts.home / "alertmanager.yml").read_text("utf-8")


def test_a_service_is_announced_whole(tmp_path: Path) -> None:
    with announced(tmp_path, "inference", "127.0.0.1:8090") as file:
        assert list(targets(tmp_path).iterdir()) == [file]
        assert json.loads(file.read_text("utf-8")) == [{"targets": ["127.0.0.1:8090"], "labels": {"job": "inference"}}]
    assert list(targets(tmp_path).iterdir()) == []


def test_without_go_the_exporter_tells_how_to_get_it(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("AI_PATTERNS_CACHE", str(tmp_path))
    monkeypatch.setattr(statsd_exporter.shutil, "which", lambda _: None)
    with pytest.raises(MissingProgramError, match="install Go"):
        statsd_exporter.find_exporter()


def test_files_come_from_the_project_or_from_the_wheel(monkeypatch, tmp_path: Path) -> None:
    assert artefact("prometheus/rules.yml").is_file()
    monkeypatch.setattr("ai_patterns.runtimes.artefacts._PACKAGE", tmp_path / "plugins" / "ai_patterns")
    packed = tmp_path / "plugins" / "ai_patterns" / "include" / "prometheus"
    packed.mkdir(parents=True)
    (packed / "rules.yml").touch()
    assert artefact("prometheus/rules.yml") == packed / "rules.yml"


def test_a_service_that_is_not_known_is_named(capsys) -> None:
    with pytest.raises(SystemExit):
        main(["down", "postgres"])
    assert "there is no service 'postgres'" in capsys.readouterr().err

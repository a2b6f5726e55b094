"""Rules, alerts, routes and dashboards: accepted by the real tools, each alert fires and does not fire."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from ai_patterns.core.dashboards import DASHBOARDS, to_text

RISING, FLAT = "0+1x20", "3+0x400"
CASES: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "DataQualityFailed": (
        {'ai_patterns_checks_total{system="s", check="expectations", verdict="failed"}': "1+0x20"},
        {'ai_patterns_checks_total{system="s", check="expectations", verdict="failed"}': FLAT},
    ),
    "CertificateBroken": (
        {'ai_patterns_checks_total{system="s", check="certificate", verdict="failed"}': RISING},
        {'ai_patterns_checks_total{system="s", check="certificate", verdict="passed"}': RISING},
    ),
    "ParityBroken": (
        {'ai_patterns_step{system="s", step="check_parity", figure="alarms"}': "2+0x20"},
        {'ai_patterns_step{system="s", step="check_parity", figure="alarms"}': "0+0x400"},
    ),
    "DriftAlarms": (
        {'ai_patterns_step{system="s", step="detect_drift", figure="alarms"}': "2+0x20"},
        {'ai_patterns_step{system="s", step="detect_drift", figure="checks"}': "2+0x400"},
    ),
    "FeaturesStale": (
        {'ai_patterns_step{system="s", step="check_freshness", figure="stale"}': "1+0x20"},
        {'ai_patterns_step{system="s", step="check_freshness", figure="stale"}': "0+0x400"},
    ),
    "DeadlineMissed": (
        {'ai_patterns_deadlines_missed_total{system="s", step="data_pipeline"}': "1+0x20"},
        {'ai_patterns_deadlines_missed_total{system="s", step="data_pipeline"}': FLAT},
    ),
    "ServiceDown": ({'up{job="inference"}': "0+0x20"}, {'up{job="inference"}': "1+0x400"}),
    "PredictionErrors": (
        {'ai_patterns_inference_requests_total{job="i", status="503"}': "0+2x20",
         'ai_patterns_inference_requests_total{job="i", status="200"}': "0+50x20"},
        {'ai_patterns_inference_requests_total{job="i", status="200"}': "0+50x400"},
    ),
    "PredictionsSlow": (
        {'ai_patterns_inference_latency_seconds_bucket{job="i", le="0.5"}': "0+1x20",
         'ai_patterns_inference_latency_seconds_bucket{job="i", le="1"}': "0+5x20",
         'ai_patterns_inference_latency_seconds_bucket{job="i", le="+Inf"}': "0+5x20"},
        {'ai_patterns_inference_latency_seconds_bucket{job="i", le="0.5"}': "0+5x400",
         'ai_patterns_inference_latency_seconds_bucket{job="i", le="+Inf"}': "0+5x400"},
    ),
    "ConsumerLag": (
        {'ai_patterns_stream_lag_messages{stream="s"}': "20000+0x20"},
        {'ai_patterns_stream_lag_messages{stream="s"}': "500+0x400"},
    ),
    "TaskFailed": (
        {'airflow_ti_finish{dag_id="d", task_id="t", state="failed"}': "1+0x20"},
        {'airflow_ti_finish{dag_id="d", task_id="t", state="success"}': RISING},
    ),
}  # fmt: skip
"""For each alert, series with which it fires within 10 minutes, and such with which it does not in three hours."""


@pytest.fixture(scope="module")
def folder(repository: Path) -> Path:
    return repository / "include" / "prometheus"


@pytest.fixture(scope="module")
def alerts(folder: Path) -> list[dict[str, Any]]:
    groups = yaml.safe_load((folder / "alerts.yml").read_text("utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def run(program: Path, *arguments: object) -> None:
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_and_alertmanager_take_the_settings(folder: Path, require_program) -> None:
    run(require_program("promtool"), "check", "config", folder / "prometheus.yml")
    run(require_program("amtool"), "check-config", folder / "alertmanager.yml")


def test_every_alert_has_its_cases_and_its_runbook(alerts, repository: Path) -> None:
    assert {alert["alert"] for alert in alerts} == set(CASES)
    headings = re.findall(r"^## (\w+)$", (repository / "docs/runbooks.md").read_text("utf-8"), re.MULTILINE)
    assert headings == [alert["alert"] for alert in alerts]
    for alert in alerts:
        assert alert["annotations"]["runbook"] == f"docs/runbooks.md#{alert['alert'].lower()}"
        assert alert["labels"]["severity"] in {"page", "ticket"}


@pytest.mark.parametrize("name", CASES)
def test_an_alert_fires_and_does_not(name: str, alerts, folder: Path, tmp_path: Path, require_program) -> None:
    fires, calm = ([{"series": series, "values": values} for series, values in of.items()] for of in CASES[name])
    (alert,) = (each for each in alerts if each["alert"] == name)
    severity = alert["labels"]["severity"]
    document = {
        "rule_files": [str(folder / "rules.yml"), str(folder / "alerts.yml")],
        "evaluation_interval": "1m",
        "tests": [
            {"interval": "1m", "input_series": calm, "alert_rule_test": [{"eval_time": "3h", "alertname": name}]},
            {"interval": "1m", "input_series": fires, "promql_expr_test": [
                {"expr": f'count(ALERTS{{alertname="{name}", alertstate="firing", severity="{severity}"}})',
                 "eval_time": "10m", "exp_samples": [{"labels": "{}", "value": 1}]}]},
        ],
    }  # fmt: skip
    file = tmp_path / "test.yml"
    file.write_text(json.dumps(document), "utf-8")
    run(require_program("promtool"), "test", "rules", file)


@pytest.mark.parametrize("name", DASHBOARDS)
def test_a_dashboard_is_as_its_code_says(name: str, repository: Path) -> None:
    file = repository / "include" / "grafana" / "dashboards" / f"{name}.json"
    assert file.read_text("utf-8") == to_text(name), "run `make dashboards`"


def test_every_expression_is_promql(tmp_path: Path, require_program) -> None:
    panels = [panel for panels in DASHBOARDS.values() for panel in panels]
    rules = [
        {"record": f"panel:{number}", "expr": panel.expression.replace("$system", "flights")}
        for number, panel in enumerate(panels)
    ]
    file = tmp_path / "rules.yml"
    file.write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}), "utf-8")
    run(require_program("promtool"), "check", "rules", file)

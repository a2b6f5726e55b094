"""The whole chain is real: Airflow's task, StatsD, statsd_exporter, Prometheus, a rule, Alertmanager, a webhook."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from airflow.sdk.exceptions import AirflowFailException, TaskDeferred
from airflow.sdk.module_loading import import_string
from statsd import StatsClient

from ai_patterns.cli import main
from ai_patterns.core.metric_condition import MetricCondition
from ai_patterns.errors import AIPatternsError
from ai_patterns.hooks.prometheus import PrometheusHook
from ai_patterns.runtimes.alertmanager import WEBHOOK, Alertmanager
from ai_patterns.runtimes.prometheus import Prometheus, announced
from ai_patterns.runtimes.statsd_exporter import AIRFLOW, StatsdExporter, find_exporter
from ai_patterns.sensors.metric_holds import MetricHoldsSensor

SECONDS = 60
DAG_FILE = """
from airflow.sdk import DAG
from ai_patterns.operators.feature_store import CheckFreshnessOperator

with DAG("look", schedule=None, params={"days": "2024-03-01", "as_of": None}) as dag:
    CheckFreshnessOperator(task_id="check_freshness", system="SYSTEM")
"""
RUN = """
import sys
from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db

DagBundlesManager().sync_bundles_to_db()
bag = DagBag(dag_folder=sys.argv[1], bundle_path=sys.argv[1], bundle_name="dags-folder")
assert not bag.import_errors, bag.import_errors
sync_bag_to_db(bag, "dags-folder", None)
assert bag.dags["look"].test().state == "success"
"""


@pytest.fixture(scope="module")
def received() -> Iterator[tuple[str, queue.Queue[dict[str, Any]]]]:
    """A webhook: its URL, and what was sent to it."""
    got: queue.Queue[dict[str, Any]] = queue.Queue()

    class Webhook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Webhook) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/", got
        server.shutdown()


@pytest.fixture(scope="module")
def chain(tmp_path_factory, received, require_program) -> Iterator[tuple[StatsdExporter, Prometheus]]:
    for program in ("prometheus", "prometheus-alertmanager"):
        require_program(program)
    try:
        find_exporter()
    except AIPatternsError as error:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(str(error))
    folder = tmp_path_factory.mktemp("runtimes")
    exporter, alerts, prometheus = (kind(folder / kind.name) for kind in (StatsdExporter, Alertmanager, Prometheus))
    alerts.home.mkdir()
    (alerts.home / WEBHOOK).write_text(received[0], "utf-8")
    prometheus.seconds = 1
    with ExitStack() as stack:
        for runtime in (exporter, alerts, prometheus):
            stack.callback(runtime.down)
            runtime.up()
        yield exporter, prometheus


def ask(prometheus: Prometheus, expression: str) -> list[dict[str, Any]]:
    """The answer, once there is one."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        answer = httpx.get(f"{prometheus.url}/api/v1/query", params={"query": expression}).json()["data"]["result"]
        if answer:
            return answer
        time.sleep(0.3)
    raise AssertionError(f"{expression} has no answer after {SECONDS} s")


def test_a_tasks_figures_reach_the_one_who_is_on_duty(chain, received, docks_folder: Path, tmp_path: Path) -> None:
    exporter, prometheus = chain
    dags = tmp_path / "dags"
    dags.mkdir()
    (dags / "look.py").write_text(DAG_FILE.replace("SYSTEM", str(docks_folder)))
    host, _, port = exporter.statsd_address.partition(":")
    metrics = {**AIRFLOW, "STATSD_HOST": host, "STATSD_PORT": port}
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "AI_PATTERNS_HOME": str(tmp_path),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "PYTHONPATH": os.pathsep.join(sys.path),
        **{f"AIRFLOW__METRICS__{name}": value for name, value in metrics.items()},
    }
    for command in (["-m", "airflow", "db", "migrate"], ["-c", RUN, str(dags)]):
        done = subprocess.run([sys.executable, *command], env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
    (stale,) = ask(prometheus, 'ai_patterns_step{system="docks", step="check_freshness", figure="stale"}')
    assert float(stale["value"][1]) > 3
    (failed,) = ask(prometheus, 'ai_patterns_checks_total{system="docks", check="online_freshness", verdict="failed"}')
    assert failed["value"][1] == stale["value"][1]
    assert ask(prometheus, 'airflow_operator_successes{dag_id="look", task_id="check_freshness"}')
    alert = received[1].get(timeout=SECONDS)["alerts"][0]
    assert (alert["labels"]["alertname"], alert["labels"]["system"]) == ("FeaturesStale", "docks")
    assert "docks: " in alert["annotations"]["summary"]


def test_a_missed_deadline_is_an_alert(chain) -> None:
    exporter, prometheus = chain
    host, _, port = exporter.statsd_address.partition(":")
    StatsClient(host, int(port), prefix="airflow").incr("ai_patterns.deadlines.docks.data_pipeline")
    assert ask(prometheus, 'ALERTS{alertname="DeadlineMissed", system="docks", step="data_pipeline"}')


def test_a_sensor_waits_until_a_metric_has_held(chain, monkeypatch) -> None:
    _, prometheus = chain
    monkeypatch.setenv("AIRFLOW_CONN_AI_PATTERNS_PROMETHEUS", prometheus.url)
    assert ask(prometheus, 'up{job="statsd"} == 1')
    up = {"task_id": "wait", "query": 'up{job="statsd"}', "comparison": ">", "poke_interval": 0.3}
    assert MetricHoldsSensor(bound=0, **up).execute({"params": {}}) == up["query"]
    assert PrometheusHook().api().holds(up["query"], MetricCondition(">", 1)) is False
    age = 4 + time.time() - Path(f"{prometheus.home}/port").stat().st_mtime
    with pytest.raises(TaskDeferred) as deferred:
        MetricHoldsSensor(bound=0, held_for=dt.timedelta(seconds=age), **up).execute({"params": {}})
    path, arguments = deferred.value.trigger.serialize()
    trigger = import_string(path)(**arguments)
    event = asyncio.run(asyncio.wait_for(anext(trigger.run()), SECONDS))
    assert event.payload == up["query"]
    with pytest.raises(AirflowFailException, match="parse error"):
        MetricHoldsSensor(**up | {"query": "up{"}, bound=0).execute({"params": {}})


def test_the_command_line_is_counted_and_services_are_found(chain, monkeypatch, tmp_path, capsys) -> None:
    exporter, prometheus = chain
    monkeypatch.setenv("AI_PATTERNS_STATSD", exporter.statsd_address)
    monkeypatch.setenv("AI_PATTERNS_SYSTEMS", str(tmp_path))
    assert main(["validate"]) == 1
    assert ask(prometheus, 'ai_patterns_commands_total{command="validate", outcome="failed"}')
    assert ask(prometheus, 'ai_patterns_command_seconds_count{command="validate"}')
    with announced(prometheus.home.parent, "inference", exporter.address):
        assert ask(prometheus, 'up{job="inference"} == 1')
    monkeypatch.setenv("AI_PATTERNS_STATSD", "nowhere")
    assert main(["validate"]) == 1
    assert "write host:port" in capsys.readouterr().err

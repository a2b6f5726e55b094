"""The service is asked for a real decision, over HTTP; a service that is away is tried again later."""

from __future__ import annotations

import datetime as dt
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pyarrow as pa
import pytest

from ai_patterns.clients.lake import Lake
from ai_patterns.core.days import Days
from ai_patterns.errors import ServiceUnavailableError
from ai_patterns.operators.model_as_a_service import CheckServiceOperator

HOUR = dt.datetime(2024, 3, 21, 23, tzinfo=dt.UTC)


class Echo(BaseHTTPRequestHandler):
    """Ready, and answers what it is asked."""

    def do_GET(self):
        self._answer(b"{}")

    def do_POST(self):
        self._answer(self.rfile.read(int(self.headers["Content-Length"])))

    def _answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def check(tmp_path, monkeypatch, docks_folder):
    """Asks the service about the one hour that is planned."""
    monkeypatch.setenv("AI_PATTERNS_LAKE", str(tmp_path))
    day = Days(HOUR.date(), HOUR.date())
    hours = pa.array([HOUR], pa.timestamp("us", tz="UTC"))
    rows = {"day": pa.array([day.first], pa.date32()), "station": [47], "hour": hours, "opened": hours}
    Lake(str(tmp_path), "docks").replace_days("events/planned", pa.table(rows), day)
    operator = CheckServiceOperator(task_id="check", system=docks_folder)
    return lambda: operator.execute({"params": {"days": str(day)}})


def test_a_live_service_is_asked_for_a_real_decision(check, monkeypatch):
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("AI_PATTERNS_SERVING_URL", f"http://127.0.0.1:{server.server_port}")
        asked = check()["answer"]
        server.shutdown()
    assert asked["params"] == {"decided_at": "2024-03-22T00:00:00+00:00"}
    assert asked["dataframe_records"] == [{"station": 47, "hour": "2024-03-21T23:00:00+00:00"}]


def test_a_service_that_is_away_names_its_connection(check, monkeypatch):
    monkeypatch.setenv("AI_PATTERNS_SERVING_URL", "http://127.0.0.1:9")
    with pytest.raises(ServiceUnavailableError, match="ai_patterns_serving"):
        check()

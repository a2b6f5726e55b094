"""A serving process loads no pickle, from its start to an answer; the watch is shown to bite."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import httpx

from inference_site import KEY, Site, environment, site
from server_process import running, wait_until

__all__ = ["site"]

WATCH = """
import os, sys

def watch(event, arguments):
    if event == "pickle.find_class":
        with open(os.environ["UNPICKLED"], "a") as seen:
            print(*arguments, file=seen)

sys.addaudithook(watch)
"""
ROW = {"order_id": 1, "placed_at": "2024-01-03T12:30:00Z", "shop": 1, "product": "rye", "grams": 0.5, "gift": False}


def test_a_serving_process_unpickles_nothing(site: Site, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(WATCH)
    seen = tmp_path / "seen"
    variables = environment() | {"UNPICKLED": str(seen)}
    variables["PYTHONPATH"] = os.pathsep.join([str(tmp_path), variables["PYTHONPATH"]])
    with running(site.command(), tmp_path / "server.log", variables) as server:
        wait_until(lambda: httpx.get(server.url + "/ready", timeout=30).status_code == 200, 60, server.output)
        answer = httpx.post(
            server.url + "/invocations", json={"dataframe_records": [ROW]}, headers={"X-API-Key": KEY}, timeout=30
        )
    assert answer.status_code == 200, answer.text
    assert not seen.exists(), seen.read_text()
    program = "import datetime, pickle; pickle.loads(pickle.dumps(datetime.date.today))"
    subprocess.run([sys.executable, "-c", program], env={**os.environ, **variables}, check=True)
    assert "date" in seen.read_text()

"""Stands in for the API server of Kubeflow Pipelines, which starts on a Kubernetes cluster alone: runs, by v2beta1."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "let me in"


@dataclass
class Kubeflow:
    """What it holds: the runs in the order of their creation."""

    url: str
    runs: list[dict[str, Any]] = field(default_factory=list)

    def named(self, name: str) -> list[dict[str, Any]]:
        return [run for run in reversed(self.runs) if run["display_name"] == name]


@contextmanager
def serving() -> Iterator[Kubeflow]:
    """The server, until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            address = urlsplit(self.path)
            name = address.path.removeprefix("/apis/v2beta1/runs").strip("/")
            if name:
                self._answer(next((run for run in held.runs if run["run_id"] == name), None))
                return
            asked = parse_qs(address.query)
            (predicate,) = json.loads(asked["filter"][0])["predicates"]
            assert (predicate["operation"], predicate["key"]) == ("EQUALS", "display_name")
            found = held.named(predicate["string_value"])
            self._answer({"runs": found[: int(asked["page_size"][0])]} if found else {})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.path.endswith(":terminate"):
                run_id = self.path.rpartition("/")[2].removesuffix(":terminate")
                next(run for run in held.runs if run["run_id"] == run_id)["state"] = "CANCELED"
                self._answer({})
                return
            run = json.loads(body) | {"run_id": f"run-{len(held.runs) + 1}", "state": "PENDING"}
            held.runs.append(run)
            self._answer(run)

        def _answer(self, content: object) -> None:
            known = self.headers.get("Authorization") == f"Bearer {TOKEN}"
            status = 200 if known and content is not None else 404 if known else 401
            body = json.dumps(content if status == 200 else {"message": "no such run, or no right to it"}).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        held = Kubeflow(f"http://127.0.0.1:{server.server_port}")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield held
        server.shutdown()

"""An inference server in a process of its own, which serves one version and logs into a lake of its own."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ai_patterns.clients.mlflow_connection import CONN_ID as MLFLOW
from ai_patterns.errors import ServiceRejectedError, ServiceUnavailableError

START_SECONDS = 60.0
REFUSED_SECONDS = 5.0
"""A version that the server has not taken for so long, it will not take."""

_STOP_SECONDS = 40.0
_HOST = "127.0.0.1"


class ServerProcess:
    """A running server, asked by one client over one connection.

    Args:
        process: the server.
        port: where it listens.
        key: what its callers must send.
        output: what it wrote.
    """

    def __init__(self, process: subprocess.Popen[bytes], port: int, key: str, output: Path) -> None:
        self._process, self._output = process, output
        self._headers = {"X-API-Key": key, "Content-Type": "application/json"}
        self._connection = http.client.HTTPConnection(_HOST, port, timeout=START_SECONDS)

    @property
    def said(self) -> str:
        """The last line that it wrote."""
        return self._output.read_text("utf-8", "replace").strip().rpartition("\n")[2]

    def wait_until_ready(self) -> None:
        """Wait until it can predict.

        Raises:
            ServiceRejectedError: it does not take the version.
            ServiceUnavailableError: something that it needs is away, or it ended.
        """
        started, problem_since = time.monotonic(), None
        while (answer := self._ask("GET", "/ready"))[0] != 200:
            now, problem = time.monotonic(), self._ask("GET", "/health")[1]["champion"]["problem"]
            problem_since = problem_since or now if problem else None
            if problem_since and now > problem_since + REFUSED_SECONDS:
                raise ServiceRejectedError(problem)
            conn_id = answer[1].get("conn_id")
            if conn_id not in {None, MLFLOW} or now > started + START_SECONDS:
                raise ServiceUnavailableError(
                    f"the inference server is not ready: {answer[1]['message']}", conn_id=conn_id
                )
            time.sleep(0.1)

    def predict(self, row: Mapping[str, Any], decided_at: str) -> tuple[str, float]:
        """Identity and score of one prediction.

        Raises:
            ServiceRejectedError: the row was refused.
            ServiceUnavailableError: the server, or something that it needs, is away.
        """
        body = {"dataframe_records": [row], "params": {"decided_at": decided_at}}
        status, answer = self._ask("POST", "/invocations", json.dumps(body))
        if status != 200:
            kind = ServiceRejectedError if status < 500 else ServiceUnavailableError
            raise kind(f"the inference server answered {status}: {answer.get('message')}")
        (score,) = answer["predictions"]
        return answer["prediction_ids"][0], float("nan") if score is None else score

    def stop(self) -> None:
        """End it as an orchestrator would; what it logged is written by then."""
        self._connection.close()
        self._process.terminate()
        self._process.wait(_STOP_SECONDS)

    def _ask(self, method: str, path: str, body: str | None = None) -> tuple[int, dict[str, Any]]:
        try:
            self._connection.request(method, path, body, self._headers)
            answer = self._connection.getresponse()
            return answer.status, json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            problem = f"the inference server does not answer ({error}); it said: {self.said}"
            raise ServiceUnavailableError(problem) from error


@contextmanager
def serving(arguments: Sequence[str], folder: Path) -> Iterator[ServerProcess]:
    """Run `python -m ai_patterns.services.inference` with these arguments until the block ends.

    Nobody else can ask it: it listens on this machine alone, on a port that was free, with a key that nobody knows. It
    ends with this process.
    """
    key, output = secrets.token_urlsafe(), folder / "server.log"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AI_PATTERNS_")}
    environment = {**kept, "PYTHONPATH": os.pathsep.join(sys.path), "AI_PATTERNS_API_KEY": key}
    command = [sys.executable, "-m", "ai_patterns.services.inference", *arguments]
    with socket.create_server((_HOST, 0)) as listener, output.open("wb") as stream:
        port = listener.getsockname()[1]
        process = subprocess.Popen(  # noqa: S603 - this interpreter and the package's own service
            [*command, "--listener", str(listener.fileno())],
            pass_fds=(listener.fileno(),),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
    try:
        yield ServerProcess(process, port, key, output)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()

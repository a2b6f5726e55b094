"""Several workers behind one port: one that dies is started again, and nobody else notices.

All workers accept from one listening socket, which the supervisor holds. What waits in its queue outlives any worker,
so a connection that was not accepted yet is served by another. A connection that a killed worker had accepted is
reset: its client sees that no answer came, and may send the request again, since asking twice changes nothing but the
prediction log.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from types import FrameType

_BACKLOG = 2048
_STOP_SECONDS = 35.0
_SOON_SECONDS = 2.0

log = logging.getLogger(__name__)


class Supervisor:
    """Keeps workers alive until SIGTERM or SIGINT.

    Args:
        arguments: the workers' command line.
        workers: how many.
    """

    def __init__(self, arguments: Sequence[str], workers: int) -> None:
        self._arguments, self._count = list(arguments), workers
        self._workers: list[subprocess.Popen[bytes]] = []
        self._stopping = threading.Event()

    def run(self, host: str, port: int) -> None:
        """Serve on a port until a signal asks to stop; open requests are answered first."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with (
            socket.create_server((host, port), family=family, backlog=_BACKLOG) as listener,
            tempfile.TemporaryDirectory(prefix="ai-patterns-metrics-") as metrics,
        ):
            self._keep(listener.fileno(), metrics)

    def _keep(self, listener: int, metrics: str) -> None:
        started = [0.0] * self._count
        self._workers = [self._start(listener, metrics) for _ in started]
        while not self._stopping.is_set():
            for place, worker in enumerate(self._workers):
                if worker.poll() is not None:
                    log.warning("worker %d ended with %d; another takes its place", worker.pid, worker.returncode)
                    # One that dies as soon as it lives would otherwise keep the machine busy.
                    self._stopping.wait(max(0.0, started[place] + _SOON_SECONDS - time.monotonic()))
                    started[place] = time.monotonic()
                    self._workers[place] = self._start(listener, metrics)
            self._stopping.wait(0.05)
        self._end()

    def _start(self, listener: int, metrics: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "ai_patterns.services.inference", *self._arguments]
        environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": metrics}
        return subprocess.Popen(  # noqa: S603 - this interpreter and its own flags
            [*command, "--workers", "1", "--listener", str(listener)], pass_fds=(listener,), env=environment
        )

    def _end(self) -> None:
        for worker in self._workers:
            worker.terminate()
        deadline = time.monotonic() + _STOP_SECONDS
        for worker in self._workers:
            try:
                worker.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                worker.kill()

    def _stop(self, _: int, __: FrameType | None) -> None:
        self._stopping.set()


def end_with_parent(stop: Callable[[], None]) -> None:
    """Call `stop` once the supervisor is gone."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        stop()

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()

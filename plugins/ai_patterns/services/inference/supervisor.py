"""Several workers behind one port: one that dies is started again, and whoever it owed an answer is told to ask again.

The supervisor accepts all connections and gives each to a worker. Bytes go between client and worker alone; what the
supervisor can do after a death, `connections` tells.
"""

from __future__ import annotations

import logging
import os
import resource
import selectors
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from types import FrameType

from ai_patterns.services.inference.connections import Connections, refuse

_BACKLOG = 2048
_DESCRIPTORS = 65_536
_STOP_SECONDS = 35.0
_SOON_SECONDS = 2.0
_TURN_SECONDS = 0.05
_LEAVING_SECONDS = 5.0

log = logging.getLogger(__name__)


class Worker:
    """One process, and the connections that it has.

    Args:
        command: what starts it; the descriptor of its channel is appended.
        environment: its environment.
    """

    def __init__(self, command: Sequence[str], environment: dict[str, str]) -> None:
        self.connections, self.since = Connections(), time.monotonic()
        end = self.connections.pass_on()
        self.process = subprocess.Popen([*command, str(end)], pass_fds=(end,), env=environment)  # noqa: S603 - ours
        self.connections.started()


class Supervisor:
    """Keeps workers alive until SIGTERM or SIGINT.

    Args:
        command: what starts a worker; the descriptor of its channel is appended.
        workers: how many.
    """

    def __init__(self, command: Sequence[str], workers: int) -> None:
        self._command, self._count = list(command), workers
        self._environment: dict[str, str] = {}
        self._workers: list[Worker] = []
        self._ended: list[Worker] = []
        self._leaving: dict[socket.socket, float] = {}
        self._selector = selectors.DefaultSelector()
        self._stopping = False

    def run(self, host: str, port: int) -> None:
        """Serve on a port until a signal asks to stop; open requests are answered first."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        _allow_descriptors()
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with (
            socket.create_server((host, port), family=family, backlog=_BACKLOG) as listener,
            tempfile.TemporaryDirectory(prefix="ai-patterns-metrics-") as metrics,
        ):
            listener.setblocking(False)
            self._environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": metrics}
            for _ in range(self._count):
                self._start()
            while not self._stopping:
                self._turn(listener)
            self._end()

    def _turn(self, listener: socket.socket) -> None:
        """Wait for news of any kind, for a moment at most; new connections wait until a worker takes them."""
        takes = any(worker.connections.ready for worker in self._workers)
        if takes:
            self._selector.register(listener, selectors.EVENT_READ, self._accept)
        self._listen()
        if takes:
            self._selector.unregister(listener)
        # One that dies as soon as it lives would otherwise keep the machine busy.
        for worker in [each for each in self._ended if each.since + _SOON_SECONDS < time.monotonic()]:
            if worker.process.poll() is not None:
                self._ended.remove(worker)
                log.warning("worker %d ended with %d", worker.process.pid, worker.process.returncode)
                self._start()

    def _listen(self) -> None:
        for key, _ in self._selector.select(_TURN_SECONDS):
            key.data(key.fileobj)
        now = time.monotonic()
        for connection in [each for each, until in self._leaving.items() if until < now]:
            self._let_go(connection)
        for worker in self._workers:
            worker.connections.sweep()

    def _accept(self, listener: socket.socket) -> None:
        try:
            while True:
                connection, _ = listener.accept()
                connection.setblocking(False)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._give(connection)
        except BlockingIOError:
            pass
        except OSError as error:  # no descriptor is left, or the client is gone already
            log.warning("a connection could not be accepted: %s", error)
            time.sleep(_TURN_SECONDS)

    def _give(self, connection: socket.socket) -> None:
        """To the worker that has the fewest; of those that leave connections lying, to the one that does so least."""
        workers = [worker.connections for worker in self._workers if worker.connections.ready]
        if any(each.give(connection) for each in sorted(workers, key=Connections.load)):
            return
        if refuse(connection):
            self._leave(connection)
        else:
            connection.close()

    def _hear(self, worker: Worker, _: socket.socket) -> None:
        if worker.connections.hear():
            return
        self._selector.unregister(worker.connections.channel)
        self._workers.remove(worker)
        self._ended.append(worker)
        untaken, refused = worker.connections.lose()
        log.warning("worker %d is gone; %d clients are told to ask again", worker.process.pid, len(refused))
        for connection in refused:
            self._leave(connection)
        for connection in untaken:
            self._give(connection)

    def _leave(self, connection: socket.socket) -> None:
        self._leaving[connection] = time.monotonic() + _LEAVING_SECONDS
        self._selector.register(connection, selectors.EVENT_READ, self._read_on)

    def _read_on(self, connection: socket.socket) -> None:
        try:
            told = connection.recv(65536)
        except OSError:
            told = b""
        if not told:
            self._let_go(connection)

    def _let_go(self, connection: socket.socket) -> None:
        self._selector.unregister(connection)
        del self._leaving[connection]
        connection.close()

    def _start(self) -> None:
        worker = Worker(self._command, self._environment)
        self._workers.append(worker)
        self._selector.register(worker.connections.channel, selectors.EVENT_READ, partial(self._hear, worker))

    def _end(self) -> None:
        processes = [worker.process for worker in (*self._workers, *self._ended)]
        for process in processes:
            process.terminate()
        deadline = time.monotonic() + _STOP_SECONDS
        while any(process.poll() is None for process in processes) and time.monotonic() < deadline:
            self._listen()
        for process in processes:
            process.kill()
        while self._workers or self._leaving:
            self._listen()
        for process in processes:
            process.wait()

    def _stop(self, _: int, __: FrameType | None) -> None:
        self._stopping = True


def _allow_descriptors() -> None:
    """A connection takes one of the supervisor's, and the soft limit is often 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))

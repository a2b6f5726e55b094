"""What every runtime has in common: up, down, status; one folder holds its settings, data and log."""

from __future__ import annotations

import contextlib
import fcntl
import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from subprocess import Popen

from ai_patterns.errors import ServiceRejectedError, ServiceUnavailableError
from ai_patterns.runtimes import process_group

START_SECONDS = 120.0
RELEASE_SECONDS = 3.0
LOCALHOST = "127.0.0.1"


class Runtime(ABC):
    """One service on the loopback address.

    Attributes:
        name: what the command line calls it.
        home: its folder; data and port outlive `down`.
        patience: seconds until it must answer.
    """

    name: str
    patience = START_SECONDS

    def __init__(self, home: Path) -> None:
        self.home = home.absolute()
        self.data, self.log = self.home / "data", self.home / f"{self.name}.log"

    @property
    def port(self) -> int | None:
        """The port of its last start, None before the first."""
        with contextlib.suppress(FileNotFoundError):
            return int((self.home / "port").read_text("utf-8"))
        return None

    @property
    def address(self) -> str:
        """`host:port` of its last start."""
        return f"{LOCALHOST}:{self.port}"

    @property
    def groups(self) -> frozenset[int]:
        """Its process groups; empty while it does not run."""
        return process_group.groups(self.home)

    def up(self, port: int | None = None) -> bool:
        """Start it and wait until it answers; False when it ran already.

        Args:
            port: the port to listen on; by default that of the last start, or any free one.

        Raises:
            ServiceRejectedError: the port is taken, or it already runs on another one.
            ServiceUnavailableError: it ended, or does not answer in time.
        """
        self.home.mkdir(parents=True, exist_ok=True)
        with self._lock():
            if self.groups and port not in {None, self.port}:
                raise ServiceRejectedError(f"{self.name} runs at {self.address}; `ai-patterns down {self.name}` first")
            return self._up(port)

    def down(self) -> bool:
        """End it, its data kept; False when it did not run."""
        return process_group.end(self.home)

    def hints(self) -> Sequence[str]:
        """What one needs to know to use it, beside its address."""
        return ()

    def choose_port(self, port: int | None) -> int:
        """The port to listen on: the one given, that of the last start, or any free one.

        Raises:
            ServiceRejectedError: it is taken.
        """
        chosen = port or self.port or free_port()
        deadline = time.monotonic() + RELEASE_SECONDS
        while not _is_free(chosen) and time.monotonic() < deadline:
            time.sleep(0.05)  # a killed process loses its environment before its sockets
        if not _is_free(chosen):
            raise ServiceRejectedError(f"port {chosen} for {self.name} is taken; give another one with --port")
        return chosen

    def note_port(self, port: int) -> None:
        """Keep the port of a start for the next one."""
        part = self.home / "port.part"
        part.write_text(str(port), "utf-8")
        part.replace(self.home / "port")

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        """Lets one starter in at a time; the system frees the lock of a killed one."""
        with (self.home / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    @abstractmethod
    def _up(self, port: int | None) -> bool:
        """Start what does not run and wait until it answers; False when all ran."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether it serves requests now."""


class ProcessRuntime(Runtime):
    """A service of one process group."""

    def _start(self, port: int | None) -> Popen[bytes]:
        chosen = self.choose_port(port)
        self.data.mkdir(exist_ok=True)
        command = self.prepare(chosen)
        self.note_port(chosen)
        return process_group.start(command, self.home, self.log)

    def _up(self, port: int | None) -> bool:
        process, deadline = None, time.monotonic() + self.patience
        while not (self.groups and self.answers()):  # a stranger may answer at its port
            if time.monotonic() > deadline:
                raise ServiceUnavailableError(f"{self.name} does not answer after {self.patience:g} s; see {self.log}")
            if self.groups or (process and process.poll() is None):  # it starts, or was killed and is not gone yet
                time.sleep(0.1)
            elif process:
                raise ServiceUnavailableError(f"{self.name} ended while it started; see {self.log}\n{self._told()}")
            else:
                process = self._start(port)
        return process is not None

    def _told(self) -> str:
        return "\n".join(self.log.read_text("utf-8", errors="replace").splitlines()[-10:])

    @abstractmethod
    def prepare(self, port: int) -> Sequence[str]:
        """Write the settings; return the command that runs it in the foreground."""


class HttpRuntime(ProcessRuntime):
    """A service that tells over HTTP whether it is well.

    Attributes:
        health: path that answers 200 then.
    """

    health: str

    @property
    def url(self) -> str:
        """Its address for a browser."""
        return f"http://{self.address}"

    def answers(self) -> bool:
        """Whether it is well."""
        connection = HTTPConnection(LOCALHOST, self.port or 0, timeout=1)
        try:
            connection.request("GET", self.health)
            return connection.getresponse().status == HTTPStatus.OK
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()


def free_port() -> int:
    """A port of the loopback address that was free a moment ago."""
    with socket.socket() as listener:
        listener.bind((LOCALHOST, 0))
        return int(listener.getsockname()[1])


def _is_free(port: int) -> bool:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a connection in TIME_WAIT holds no port
        try:
            listener.bind((LOCALHOST, port))
        except OSError:
            return False
    return True

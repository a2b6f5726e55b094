"""Airflow standalone as one process group: started on free ports, stopped whatever happens."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType

import httpx

START_SECONDS = 360
STOP_SECONDS = 15


class Standalone:
    """One `airflow standalone` with its home in `home`.

    Args:
        home: AIRFLOW_HOME; made when absent.
        project: the folder that holds `dags/`, `plugins/` and `include/`.
        settings: further environment.
    """

    user, password = "admin", "admin"
    command: Sequence[str] = (sys.executable, "-m", "airflow", "standalone")

    def __init__(self, home: Path, project: Path, settings: Mapping[str, str] | None = None) -> None:
        self.home, self.project = home.absolute(), project.absolute()
        self.port, *self._log_ports = free_ports(3)
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = self.home / "standalone.log"
        self.environment = {**os.environ, **self._settings(), **(settings or {})}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def _group_file(self) -> Path:
        return self.home / "standalone.pgid"

    def _settings(self) -> dict[str, str]:
        return {
            "AIRFLOW_HOME": str(self.home),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "AI_PATTERNS_HOME": str(self.home.parent),
            "AI_PATTERNS_SYSTEMS": str(self.project / "include" / "systems"),
            "AI_PATTERNS_LAKE": str(self.home.parent / "lake"),
            "AI_PATTERNS_TRACKING_URI": f"sqlite:///{self.home.parent}/mlflow.db",
            "OMP_NUM_THREADS": "1",
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(self.port),
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.project / "dags"),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__PARALLELISM": "4",
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(self.project / "plugins"),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{self.user}:admin",
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "10",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONNECT_ARGS": "airflow_local_settings.CONNECT_ARGUMENTS",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONNECT_ARGS_ASYNC": "airflow_local_settings.CONNECT_ARGUMENTS",
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(self._log_ports[0]),
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(self._log_ports[1]),
            "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.1",
        }

    def start(self) -> None:
        """Start it, after ending what an interrupted start in the same home left behind."""
        (self.home / "config").mkdir(parents=True, exist_ok=True)
        self.end_leftovers()
        shutil.copy(Path(__file__).with_name("local_settings.py"), self.home / "config" / "airflow_local_settings.py")
        passwords = self.home / "simple_auth_manager_passwords.json.generated"
        passwords.write_text(json.dumps({self.user: self.password}), "utf-8")
        passwords.chmod(0o600)
        atexit.register(self.stop)
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - Airflow, as `command` says
                self.command,
                env=self.environment, cwd=self.home, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,  # its children outlive a lone SIGTERM, so the whole group must be ended
            )  # fmt: skip
        self._group_file.write_text(str(self._process.pid), "utf-8")

    def wait_until_healthy(self, tell: Callable[[str], None] = lambda _: None) -> None:
        """Wait for scheduler, DAG processor and triggerer.

        Raises:
            RuntimeError: it ended, or is not healthy in time; the message holds the log's last lines.
        """
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                raise RuntimeError(f"Airflow ended while starting.\n{self._last_lines()}")
            waits = self._unhealthy()
            if not waits:
                return
            tell(f"waiting for {', '.join(waits)}")
            time.sleep(1)
        raise RuntimeError(f"Airflow is not healthy after {START_SECONDS} s.\n{self._last_lines()}")

    def _unhealthy(self) -> list[str]:
        try:
            health = httpx.get(f"{self.url}/api/v2/monitor/health", timeout=5).json()
        except (httpx.HTTPError, ValueError):
            return ["the API server"]
        parts = ("metadatabase", "scheduler", "dag_processor", "triggerer")
        return [part for part in parts if (health.get(part) or {}).get("status") != "healthy"]

    def _last_lines(self) -> str:
        return "\n".join(self.log.read_text("utf-8", errors="replace").splitlines()[-30:])

    def stop(self) -> None:
        """End the whole group; a second call does nothing."""
        process, self._process = self._process, None
        if process is None:
            return
        _end_group(process.pid, process.poll)
        self._group_file.unlink(missing_ok=True)

    def end_leftovers(self) -> None:
        """End the group of an earlier start in this home, if it is still that group."""
        if not self._group_file.exists():
            return
        group = int(self._group_file.read_text("utf-8"))
        if _belongs_to(group, self.home):
            _end_group(group)
        self._group_file.unlink(missing_ok=True)


@contextlib.contextmanager
def running(server: Standalone, tell: Callable[[str], None] = lambda _: None) -> Iterator[Standalone]:
    """The server, healthy; ended at the block's end, on an error and on SIGTERM or SIGHUP."""

    def leave(number: int, _: FrameType | None) -> None:
        sys.exit(128 + number)

    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        server.start()
        server.wait_until_healthy(tell)
        yield server
    finally:
        server.stop()
        for number, handler in before.items():
            signal.signal(number, handler)


def free_ports(count: int) -> list[int]:
    """Distinct ports of the loopback address that were free a moment ago."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _members(group: int) -> list[int]:
    """Live processes of a group."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, of_group = stat.read_text().rpartition(")")[2].split()[:3]
            if int(of_group) == group and state != "Z":
                found.append(int(stat.parent.name))
    return found


def _belongs_to(group: int, home: Path) -> bool:
    """Whether the group was started with this home: process numbers are used again after a reboot."""
    marker = f"AIRFLOW_HOME={home}".encode()
    for member in _members(group):
        with contextlib.suppress(OSError):
            if marker in Path(f"/proc/{member}/environ").read_bytes().split(b"\0"):
                return True
    return False


def _end_group(group: int, reap: Callable[[], object] = lambda: None) -> None:
    for number, patience in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, 5)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, number)
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            reap()
            if not _members(group):
                return
            time.sleep(0.1)

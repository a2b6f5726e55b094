"""statsd_exporter: takes StatsD datagrams, gives Prometheus metrics."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from ai_patterns.errors import MissingProgramError, ServiceUnavailableError
from ai_patterns.runtimes.artefacts import artefact
from ai_patterns.runtimes.programs import cache_folder
from ai_patterns.runtimes.runtime import LOCALHOST, HttpRuntime, free_port

MODULE = "github.com/prometheus/statsd_exporter@v0.31.0"

AIRFLOW = {"STATSD_ON": "True", "STATSD_INFLUXDB_ENABLED": "True", "LEGACY_NAMES_ON": "False"}
"""Airflow's settings of the section metrics that the mapping expects."""


class StatsdExporter(HttpRuntime):
    """A real statsd_exporter; `port` is that of its web page."""

    name = "statsd"
    health = "/-/healthy"

    @property
    def statsd_address(self) -> str:
        """`host:port` of its UDP socket."""
        with contextlib.suppress(FileNotFoundError):
            return f"{LOCALHOST}:{(self.home / 'statsd_port').read_text('utf-8')}"
        return ""

    def hints(self) -> Sequence[str]:
        """Airflow's settings that send to it."""
        host, _, port = self.statsd_address.partition(":")
        settings = {**AIRFLOW, "STATSD_HOST": host, "STATSD_PORT": port}
        return [f"export AIRFLOW__METRICS__{name}={value}" for name, value in settings.items()]

    def prepare(self, port: int) -> Sequence[str]:
        """Choose the UDP port, which stays the same from start to start.

        Raises:
            MissingProgramError: it is not installed and there is no Go to build it with.
            ServiceUnavailableError: Go could not fetch or build it.
        """
        program, chosen = find_exporter(), self.home / "statsd_port"
        if not chosen.exists():
            chosen.write_text(str(free_port()), "utf-8")
        return [
            str(program),
            f"--statsd.listen-udp={self.statsd_address}",
            "--statsd.listen-tcp=",
            f"--web.listen-address={LOCALHOST}:{port}",
            f"--statsd.mapping-config={artefact('prometheus/statsd_mapping.yml')}",
        ]


def find_exporter() -> Path:
    """The program of the search path, or one that Go builds once into the cache folder.

    Raises:
        MissingProgramError: there is neither.
        ServiceUnavailableError: Go could not fetch or build it.
    """
    built = cache_folder() / "bin" / "statsd_exporter"
    found = shutil.which("statsd_exporter") or (str(built) if built.exists() else None)
    if found:
        return Path(found)
    go = shutil.which("go")
    if go is None:
        remedy = f"install Go (Debian: golang) once, which builds {MODULE}, or put the program on the search path"
        raise MissingProgramError("statsd_exporter", remedy)
    return _build(go, built)


def _build(go: str, target: Path) -> Path:
    command = ["env", f"GOBIN={target.parent}", go, "install", MODULE]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - Go, as found
    if done.returncode:
        told = "\n".join(done.stderr.splitlines()[-5:])
        raise ServiceUnavailableError(f"Go could not build {MODULE}; is its module proxy in reach?\n{told}")
    return target

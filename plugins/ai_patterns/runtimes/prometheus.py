"""Prometheus: scrapes statsd_exporter and the services of this machine, evaluates the rules, alerts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ai_patterns.runtimes.alertmanager import Alertmanager
from ai_patterns.runtimes.artefacts import artefact
from ai_patterns.runtimes.programs import find_program
from ai_patterns.runtimes.runtime import LOCALHOST, HttpRuntime
from ai_patterns.runtimes.statsd_exporter import StatsdExporter

SECONDS = 5
"""Between two scrapes, and between two evaluations."""


class Prometheus(HttpRuntime):
    """A real Prometheus; it knows the other runtimes beside its home, and the services that `announced` names."""

    name = "prometheus"
    health = "/-/ready"
    seconds = SECONDS

    def prepare(self, port: int) -> Sequence[str]:
        """Write the settings.

        Raises:
            MissingProgramError: Prometheus is not installed.
        """
        program = find_program("prometheus", "install Prometheus (Debian: prometheus)")
        settings = self.home / "prometheus.yml"
        settings.write_text(json.dumps(self._settings(), indent=1), "utf-8")  # JSON is YAML
        return [
            str(program),
            f"--config.file={settings}",
            f"--storage.tsdb.path={self.data}",
            f"--web.listen-address={LOCALHOST}:{port}",
        ]

    def _settings(self) -> dict[str, object]:
        exporter, alerts = (kind(self.home.parent / kind.name) for kind in (StatsdExporter, Alertmanager))
        every = f"{self.seconds}s"
        return {
            "global": {"scrape_interval": every, "evaluation_interval": every},
            "rule_files": [str(artefact(f"prometheus/{name}.yml")) for name in ("rules", "alerts")],
            "alerting": {"alertmanagers": [_static(alerts.address)] if alerts.port else []},
            "scrape_configs": [
                {"job_name": "statsd", "honor_labels": True, "static_configs": _targets(exporter)},
                {"job_name": "services", "file_sd_configs": [{"files": [f"{targets(self.home.parent)}/*.json"],
                                                              "refresh_interval": every}]},
            ],
        }  # fmt: skip


def targets(runtimes: Path) -> Path:
    """The folder in which running services stand, beside the runtimes."""
    return runtimes / "targets"


@contextmanager
def announced(runtimes: Path, job: str, address: str) -> Iterator[Path]:
    """Have the Prometheus of this machine scrape a service while the block lasts; the file that tells it.

    A service that is killed leaves its file behind, so that Prometheus misses it.

    Args:
        runtimes: the folder of the runtimes.
        job: what the service is, such as `inference`.
        address: its `host:port`.
    """
    folder = targets(runtimes)
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{job}-{address.replace(':', '-')}.json"
    part = file.with_suffix(".part")
    part.write_text(json.dumps([{"targets": [address], "labels": {"job": job}}]), "utf-8")
    try:
        yield part.replace(file)
    finally:
        file.unlink(missing_ok=True)


def _targets(exporter: HttpRuntime) -> list[dict[str, list[str]]]:
    return [{"targets": [exporter.address]}] if exporter.port else []


def _static(address: str) -> dict[str, object]:
    return {"static_configs": [{"targets": [address]}]}

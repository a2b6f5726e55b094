"""A readable report of the checks in the lake."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow.fs as pafs

from ai_patterns.clients.lake import Lake
from ai_patterns.core.days import Days
from ai_patterns.spec.system import SystemSpec

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Report:
    """What was written.

    Attributes:
        path: where the report lies.
        checks: number of verdicts in it.
        alarms: in words, each check that failed.
    """

    path: str
    checks: int
    alarms: tuple[str, ...]


def write_report(system: SystemSpec, lake: Lake, days: Days) -> Report:
    """Write the checks of `days` as Markdown to `reports/<days>.md` in the lake; a second run replaces it.

    Raises:
        ServiceUnavailableError: nothing was checked yet.
    """
    rows = lake.read("checks", days).sort_by([("check", "ascending"), ("subject", "ascending")]).to_pylist()
    alarms = tuple(f"{row['check']} of {row['subject']}: {row['detail']}" for row in rows if not row["passed"])
    path = lake.path(f"reports/{str(days).replace('/', '_')}.md")
    _write(path, _markdown(system, days, rows))
    log.info("wrote %s: %d checks, %d alarms", path, len(rows), len(alarms))
    return Report(path, len(rows), alarms)


def _markdown(system: SystemSpec, days: Days, rows: Sequence[Mapping[str, Any]]) -> str:
    head = [f"# {system.name}: checks of {days}", "", "| verdict | check | subject | value | bound | detail |"]
    lines = [_line(row) for row in sorted(rows, key=lambda row: bool(row["passed"]))]
    return "\n".join([*head, "|---|---|---|---|---|---|", *lines, ""])


def _line(row: Mapping[str, Any]) -> str:
    verdict = "passed" if row["passed"] else "**ALARM**"
    cells = [verdict, row["check"], row["subject"], _number(row["value"]), _number(row["bound"]), row["detail"]]
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _write(path: str, text: str) -> None:
    filesystem, place = pafs.FileSystem.from_uri(path)
    filesystem.create_dir(place.rpartition("/")[0])
    with filesystem.open_output_stream(place) as stream:
        stream.write(text.encode())

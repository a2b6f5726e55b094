"""What the steps send to Airflow's metrics: the figures of their summaries and the verdicts of their checks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from airflow.providers.common.compat.sdk import Stats

from ai_patterns.core.figures import figures, metric_part, step_name
from ai_patterns.errors import GateFailedError

# Plain StatsD drops tags, so the name alone must tell the system and the check.


def send_figures(system: str, operator: str, summary: Mapping[str, Any]) -> None:
    """Send each number of a step's summary as the gauge `ai_patterns.step.{system}.{step}.{figure}`.

    Args:
        system: name of the system.
        operator: the operator's class.
        summary: what the step found; a mapping in it is sent number by number, `...{figure}.{of}`.
    """
    for name, value in figures(summary):
        Stats.gauge(f"ai_patterns.step.{system}.{step_name(operator)}.{name}", value)


def count_verdicts(system: str, verdicts: Sequence[Mapping[str, Any]]) -> int:
    """Send `ai_patterns.checks.passed` and `.failed` for each verdict; return how many failed.

    Args:
        system: name of the system.
        verdicts: rows in the form of the lake's `checks`.
    """
    for verdict in verdicts:
        _count(system, str(verdict["check"]), bool(verdict["passed"]))
    return sum(not verdict["passed"] for verdict in verdicts)


@contextmanager
def report_verdict(system: str, check: str) -> Iterator[None]:
    """Count a gate as passed, or as failed where it raises."""
    try:
        yield
    except GateFailedError:
        _count(system, check, passed=False)
        raise
    _count(system, check, passed=True)


def _count(system: str, check: str, passed: bool) -> None:
    verdict = "passed" if passed else "failed"
    Stats.incr(f"ai_patterns.checks.{system}.{metric_part(check)}.{verdict}")

"""Verdicts of checks as Airflow metrics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from airflow.sdk.observability import stats

from ai_patterns.errors import GateFailedError


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
    # Plain StatsD drops tags, so the name alone must tell the system and the check.
    verdict = "passed" if passed else "failed"
    stats.incr(f"ai_patterns.checks.{system}.{check}.{verdict}")

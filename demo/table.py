"""The closing table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def tell(summary: Mapping[str, Any]) -> None:
    """Print what happened."""
    runs = [{name: run[name] for name in ("dag", "days", "state", "seconds")} for run in summary["runs"]]
    print("\n" + table(runs))
    print(
        "\n"
        + table([{**week, "auc": f"{week['auc']:.4f}", "brier": f"{week['brier']:.4f}"} for week in summary["weeks"]])
    )
    for title in ("champions", "refused", "rollbacks"):
        for line in summary[title]:
            print(f"{title}: version {line['version']} (before: {line['previous']}): {line['reason']}")
    print(f"fault: {summary['fault']}")
    print(f"live day: {_live(summary['live'])}")
    print(
        f"rows: {summary['rows']}; quarantined: {summary['quarantined']}; "
        f"without a label: {summary['rows_without_label']}"
    )


def _live(live: Mapping[str, Any]) -> str:
    if "skipped" in live:
        return f"skipped: {live['skipped']}"
    differing = ", ".join(live["differing"]) or "none"
    return (
        f"{live['sent']:,} messages through Kafka, folded {live['seconds_to_fold']:.2f} s after they were sent (median "
        f"over the hours); {live['unequal_buckets']} of {live['buckets']} buckets differ from the lake; "
        f"{live['vectors_compared']} served vectors recomputed, features that wait for the next batch run: {differing}"
    )


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as aligned text.

    >>> print(table([{"dag": "a", "state": "success"}]))
    dag  state
    a    success
    """
    header = list(rows[0]) if rows else []
    cells = [header, *[[str(row[name]) for name in header] for row in rows]]
    widths = [max(len(line[column]) for line in cells) for column in range(len(header))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells
    )

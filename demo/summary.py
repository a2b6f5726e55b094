"""What happened, read from the lake, the registry and the journal."""

from __future__ import annotations

from collections import Counter
from typing import Any

from ai_patterns.clients.lake import Lake
from ai_patterns.clients.ledger import read_promotions
from ai_patterns.clients.mlflow import CHAMPION, Registry
from ai_patterns.core.days import Days
from ai_patterns.jobs.training_set import read_training_set
from ai_patterns.spec.system import SystemSpec
from demo.journal import Journal
from demo.scenario import TRAINING, WEEKS, Story


def summarize(system: SystemSpec, lake: Lake, registry: Registry, journal: Journal, story: Story) -> dict[str, Any]:
    """The figures of `.run/demo/summary.json`."""
    ledger = read_promotions(lake)
    card = registry.load_onnx(registry.require_alias(CHAMPION)).card
    return {
        "rows": {name: lake.dataset(f"events/{name}").count_rows() for name in system.streams},
        "rows_without_label": _unlabelled(system, lake),
        "quarantined": _quarantined(system, lake),
        "training_rows": card["rows"],
        "weeks": _weeks(lake),
        "champions": [_line(item) for item in ledger if item.action == "promoted"],
        "refused": [_line(item) for item in ledger if item.action == "refused"],
        "rollbacks": [_line(item) for item in ledger if item.action == "rolled_back"],
        "retraining_decisions": lake.read("retrainings", columns=["decided_at", "retrain", "reason"]).to_pylist(),
        "fault": story.caught,
        "onnx_difference": card["metrics"]["onnx_difference"],
        "prediction": _prediction(lake),
        "served": story.served,
        "alarms": _alarms(lake),
        "runs": journal.runs,
        "seconds": journal.phases,
    }


def _unlabelled(system: SystemSpec, lake: Lake) -> int:
    rows = read_training_set(system, lake, Days.parse(TRAINING), labels_before=Days.parse(WEEKS[-1]).end)
    return int(rows["label"].null_count)


def _quarantined(system: SystemSpec, lake: Lake) -> dict[str, dict[str, int]]:
    tables = {name: f"quarantine/{name}" for name in system.streams if lake.exists(f"quarantine/{name}")}
    counts = {
        name: Counter(lake.read(table, columns=["reason"])["reason"].to_pylist()) for name, table in tables.items()
    }
    return {name: dict(count) for name, count in counts.items() if count}


def _weeks(lake: Lake) -> list[dict[str, Any]]:
    rows = lake.read("performance").to_pylist()
    overall = [row for row in rows if row["slice"] == "all" and row["model_version"] is None]
    return sorted(
        ({key: row[key] for key in ("day", "rows", "auc", "brier")} for row in overall), key=lambda row: row["day"]
    )


def _line(item: Any) -> dict[str, Any]:
    return {"at": item.at, "version": item.version, "previous": item.previous, "reason": item.reason}


def _prediction(lake: Lake) -> dict[str, Any]:
    rows = [row for row in lake.read("predictions", Days.parse(WEEKS[0])).to_pylist() if row["mode"] == "online"]
    return rows[0]


def _alarms(lake: Lake) -> list[dict[str, Any]]:
    checks = lake.read("checks").to_pylist()
    return [{key: row[key] for key in ("day", "check", "subject", "detail")} for row in checks if not row["passed"]]

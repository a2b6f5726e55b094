"""Values for every page, with markup in whatever a user could have written."""

from __future__ import annotations

import datetime as dt
from typing import Any

from ai_patterns.core.ledger import Promotion
from ai_patterns.core.model_rollout import RolloutLine
from ai_patterns.core.retraining import Champion
from ai_patterns.jobs.costs import TableCost
from ai_patterns.jobs.group_view import GroupView
from ai_patterns.jobs.lineage import CountedPartition, Lineage
from ai_patterns.jobs.parity_view import Pair, VectorPair
from ai_patterns.ui.views import PATTERNS

EVIL = "<script>alert(1)</script>"
AT = dt.datetime(2024, 4, 8, tzinfo=dt.UTC)
DAY = AT.date()


def share(feature: str, differing: int, forgiven: int = 0) -> dict[str, Any]:
    counts = {"compared": 100, "differing": differing, "forgiven": forgiven, "share": differing / 100}
    return {"feature": feature, "day": DAY, **counts}


def verdict(subject: str, value: float | None, *, passed: bool = True) -> dict[str, Any]:
    return {
        "day": DAY, "check": "psi", "subject": subject, "value": value, "bound": 0.2, "passed": passed, "detail": EVIL,
    }  # fmt: skip


def gate(name: str, *, passed: bool) -> dict[str, Any]:
    return {"name": name, "value": 0.71, "bound": 0.7, "passed": passed, "detail": f"{name} in words"}


TEST = {"estimate": -0.0123, "lower": -0.0456, "upper": 0.0078, "p": 0.0321, "adjusted_p": 0.0642}
TESTED = {**gate("compare logloss", passed=False), "evidence": {**TEST, "alpha": 0.05, "blocks": 14, "rows": 12_345}}
LEDGER = [
    Promotion(1, AT, "promoted", 1, None, "first", {"gates": [gate("auc min", passed=True)], "metrics": {"auc": 0.71}}),
    Promotion(2, AT, "refused", 2, 1, EVIL, {"gates": [TESTED]}),
    Promotion(3, AT, "rolled_back", 1, 2, "complaints", {"champions": [1]}),
]
CHECK = {"name": "p99_ratio", "estimate": 1.07, "proven": 0.93, "limit": 1.5, "detail": EVIL}
ROLLOUTS = [
    RolloutLine(1, AT, "run 1", "started", 3, 1, 0, 0.0, EVIL),
    RolloutLine(2, AT, "run 1", "advanced", 3, 1, 1, 0.05, "1000 requests", {"checks": [CHECK]}),
]
GROUP = GroupView(EVIL, "counted", "stream", (), "5m", ("rides_1h",), 12_345, DAY, AT, 7)
LAYERS = {
    "at": AT, "boundary": AT, "stale_days": 4,
    "groups": [{"group": "dock_now", "keys": 12, "buckets": 11, "unequal": unequal} for unequal in (0, 2)],
}  # fmt: skip
LANDED = {"topic": "docks.counted", "rows": 7001, "messages": 7010, "last_day": DAY, "written_at": AT}
PARTS = (CountedPartition("events/counted", DAY, 3, {0: (5, 9)}), CountedPartition("events/counted", DAY, 4))
LINEAGE = Lineage(
    EVIL, {"dock": 7}, AT, AT, 3.5, "online", {"version": 2, "days": EVIL, "lake_versions": {"labels": 4}},
    {"dock_now": PARTS, "dock_idle": ()},
)  # fmt: skip
PAIR = VectorPair(
    EVIL, AT, AT,
    (Pair("rides", "3.0", "4.0", "stale_store", 2.5), Pair("name", f'"{EVIL}"', f'"{EVIL}"', None, None),
     Pair("gone", None, "null", "missing", None)),
)  # fmt: skip

FULL: dict[str, dict[str, Any]] = {
    "features": {
        "groups": [GROUP], "parity": [share("rides", 50), share("calm", 0)], "examples": ["a/b", EVIL],
        "drift": [verdict("rides", 0.41, passed=False), verdict(EVIL, 0.1), verdict("flat", None)],
        "decisions": [{**verdict(EVIL, value, passed=value < 1), "strength": value} for value in (0.4, 1.7)],
    },
    "models": {
        "champion": Champion(1, AT, {"rmse": 3.0}), "ledger": LEDGER, "metric": "rmse", "rollouts": ROLLOUTS,
        "weeks": [{"day": DAY, "rmse": 3.0}, {"day": DAY, "rmse": 3.2}],
    },
    "streams": {"topics": ["docks.counted"], "landed": [LANDED], "layers": LAYERS},
    "quality": {
        "quarantine": [{"stream": EVIL, "day": DAY, "reason": EVIL, "rows": 10}] * 3, "most": 2,
        "verdicts": {"drift": [verdict("rides", 0.41, passed=False), verdict("calm", 0.1)]},
    },
    "predictions": {
        "latest": [
            {"prediction_id": EVIL, "dock": 7, "decided_at": AT, "score": 0.5, "model_version": 2, "mode": "batch"}
        ],
        "key": ("dock",), "wanted": EVIL,
    },
    "prediction": {"lineage": LINEAGE, "pair": PAIR},
    "costs": {"costs": [TableCost(EVIL, 5, 2, 3_000_000, 2, DAY), TableCost("dimensions/docks", 5, 1, 1000, 0, None)]},
    "problem": {"title": "Models", "problem": EVIL},
}  # fmt: skip

STATUS: dict[str, dict[str, Any]] = {
    name: {"state": state, "summary": EVIL}
    for name, state in zip(PATTERNS, ("ready", "not yet", "attention", "missing") * 3, strict=False)
} | {
    "feedback_loop": {
        "state": "ready", "summary": "fine", "metric": "rmse",
        "performance": [{"day": DAY, "rmse": 3.0, "rows": 500}, {"day": DAY, "rmse": 3.2, "rows": 500}],
    },
    "online_offline_serving": {
        "state": "ready", "summary": "fine",
        "promotions": [{"at": AT, "action": "refused", "version": 3, "reason": EVIL}],
    },
    "monitoring": {"state": "attention", "summary": "alarms", "failures": [verdict(EVIL, 0.41, passed=False)]},
}  # fmt: skip
"""What the map shows of a system: every state, and every panel below it."""

"""Cells are shaded by what they tell."""

import datetime as dt
from typing import Any

from ai_patterns.ui.heat_map import heat_map, verdict_map


def share(feature: str, day: int, differing: int, forgiven: int = 0) -> dict[str, Any]:
    counts = {"compared": 100, "differing": differing, "forgiven": forgiven, "share": differing / 100}
    return {"feature": feature, "day": dt.date(2024, 4, day), **counts}


def test_shares_that_differ_are_shaded() -> None:
    rows = [share("rides", 1, 0), share("rides", 2, 50), share("warmth", 1, 10, 10), share("calm", 1, 0)]
    html = str(heat_map(rows))
    assert "calm" not in html
    assert "var(--bad) 30%" in html
    assert "var(--idle) 16%" in html
    assert 'title="50 of 100 differ, 0 forgiven">50%</td>' in html
    assert html.count(">-</td>") == 1  # nothing of warmth was compared on the second day


def verdict(subject: str, check: str, value: float, *, passed: bool) -> dict[str, Any]:
    day = dt.date(2024, 4, 1)
    return {"subject": subject, "day": day, "check": check, "value": value, "bound": 0.2, "passed": passed}


def test_the_worst_check_of_a_day_stands_for_its_feature() -> None:
    rows = [
        verdict("rides", "psi", 0.1, passed=True),
        verdict("rides", "stuck", 0.5, passed=False),
        verdict("calm", "psi", 0.02, passed=True),
    ]
    html = str(verdict_map(rows))
    assert html.index("rides") < html.index("calm")
    assert 'title="stuck: 0.5, bound 0.2">2.50</td>' in html
    assert "var(--bad) 42%" in html
    assert "var(--bad) 0%" in html

import datetime as dt
from pathlib import Path

from ai_patterns.clients.lake import Lake
from ai_patterns.core.days import Days
from ai_patterns.jobs.checks import CheckRow, record_checks


def test_a_second_verdict_replaces_the_first_of_its_family_and_days_only(tmp_path: Path) -> None:
    lake, days = Lake(str(tmp_path), "shop"), Days.parse("2024-01-01/2024-01-02")
    row = CheckRow(days.first, "quality/rows", "orders", 3, 1, passed=True)
    later = CheckRow(dt.date(2024, 1, 5), "quality/rows", "orders", 9, 1, passed=True)
    record_checks(
        lake, [CheckRow(days.first, "drift/psi", "orders.price", 0.3, 0.2, passed=False)], family="drift", days=days
    )
    record_checks(lake, [later], family="quality", days=Days(later.day, later.day))
    for _ in range(2):
        record_checks(lake, [row], family="quality", days=days)
    rows = sorted((row["family"], row["day"].day, row["value"]) for row in lake.read("checks").to_pylist())
    assert rows == [("drift", 1, 0.3), ("quality", 1, 3.0), ("quality", 5, 9.0)]


def test_no_verdicts_clear_the_days(tmp_path: Path) -> None:
    lake, days = Lake(str(tmp_path), "shop"), Days.parse("2024-01-01")
    record_checks(
        lake, [CheckRow(days.first, "quality/rows", "orders", None, None, passed=True)], family="quality", days=days
    )
    record_checks(lake, [], family="quality", days=days)
    assert lake.read("checks").num_rows == 0

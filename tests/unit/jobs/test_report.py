"""The report is one page that needs no network and escapes what it shows."""

import json
import re
import xml.etree.ElementTree as ET

import pytest

from ai_patterns.clients.lake import Lake
from ai_patterns.clients.ledger import append_promotion
from ai_patterns.core.days import Days
from ai_patterns.core.ledger import Promotion
from ai_patterns.jobs.feedback import join_labels, measure_performance
from ai_patterns.jobs.monitoring import check_drift
from ai_patterns.jobs.report import write_report
from unit.jobs.pumps import DAY, PUMPS, START, outcomes, predictions, training_rows


@pytest.fixture
def lake(tmp_path):
    return Lake(str(tmp_path / "lake"), "pumps")


def test_an_empty_lake_gives_a_page(lake, tmp_path):
    page = write_report(PUMPS, lake, tmp_path / "out")
    assert "Not yet" in page.read_text()
    assert json.loads((tmp_path / "out" / "report.json").read_text())["monitoring"]["state"] == "not yet"


def test_the_decisions_on_drift_are_told_and_drawn(lake, tmp_path):
    lake.append("training_sets", training_rows(range(42)), partition_by=["day"])
    for week in ("2024-01-29/2024-02-04", "2024-02-05/2024-02-11"):
        check_drift(PUMPS, lake, Days.parse(week))
    text = write_report(PUMPS, lake, tmp_path).read_text()
    assert "strongest sign of drift" in text
    assert "Not calibrated yet: 35 of 154 days" in text
    told = json.loads((tmp_path / "report.json").read_text())["drift"]
    assert [(row["day"], row["passed"]) for row in told] == [("2024-02-04", True), ("2024-02-11", True)]


def test_performance_and_promotions(lake, tmp_path):
    lake.append("events/outcome", outcomes(*[(f"v{n}", n % 3 == 0, 5 + n) for n in range(20)]), partition_by=["day"])
    rows = predictions(*[(f"v{n}", n / 20, 1, "north") for n in range(20)])
    lake.append("predictions", rows, partition_by=["day", "mode"])
    join_labels(PUMPS, lake, START + 9 * DAY)
    measure_performance(PUMPS, lake, Days.parse("2024-01-01/2024-01-07"), START + 9 * DAY)
    line = Promotion(0, START, "promoted", 1, None, "<script>alert(1)</script>", {})
    append_promotion(lake, line, lambda _: True)
    text = write_report(PUMPS, lake, tmp_path).read_text()
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    plots = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    assert len(plots) == 4
    assert all(ET.fromstring(plot) is not None for plot in plots)  # noqa: S314 - drawn by us
    assert "currentColor" in plots[0]
    assert re.findall(r"(?:src|href)=.https?:", text) == []
    assert write_report(PUMPS, lake, tmp_path).read_text() == text

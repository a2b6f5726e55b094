"""Each page of a system: what stands on it, what it says where nothing is there yet, and that all of it is escaped."""

from __future__ import annotations

import pyarrow as pa
import pytest

from ai_patterns.clients.lake import Lake
from ai_patterns.core.days import Days
from ai_patterns.core.prediction_schema import prediction_schema
from ai_patterns.core.predictions import PARTITIONS
from ai_patterns.jobs.checks import CheckRow, record_checks
from ai_patterns.spec.system import SystemSpec
from ai_patterns.ui import pages
from ai_patterns.ui.page import render_page
from ai_patterns.ui.pages import MOST, PAGES, find_system, read_page
from shown_pages import AT, DAY, EVIL, FULL

MANY = 10_000

TOLD = {
    "features": ["12,345", "2.05", "var(--bad) 30%", "/ai-patterns/systems/docks/predictions/a/b"],
    "models": [
        "compare logloss in words",
        "-0.0456 to 0.0078",
        "0.0642",
        "14, 12,345",
        "rolled back",
        "Version <strong>1</strong>",
        "rmse by week",
        "answers 5 % of the keys",
        "0.93",
        "End the rollout of version 3",
    ],
    "streams": ["docks.counted", "7,010", "4 days wait for it", "certificate_differences"],
    "quality": ["and 1 more reasons", "1 failed", "0.41"],
    "predictions": ["There is no prediction", "/systems/docks/predictions/%3Cscript%3E"],
    "prediction": ["labels at 4", "0: 5 to 9", "2 of 3 features differ", "stale_store, 2.5 h old", "absent"],
    "costs": ["2.9 MiB", "dimensions/docks"],
    "problem": ["Models"],
}


@pytest.mark.parametrize("page", FULL)
def test_a_full_page_tells_and_is_escaped(page: str) -> None:
    html = render_page(page, "docks", FULL[page], root="/air")
    for text in TOLD[page]:
        assert text in html
    assert "<script" not in html
    assert not any(sign in html for sign in ("http://", "https://", "<link", "@import"))
    assert html.count('aria-current="page"') == (page in PAGES)


@pytest.mark.parametrize("page", PAGES)
def test_an_empty_lake_is_told(page: str, docks_folder, tmp_path, monkeypatch) -> None:
    (tmp_path / "systems").mkdir()
    (tmp_path / "systems" / "docks").symlink_to(docks_folder)
    monkeypatch.setenv("AI_PATTERNS_HOME", str(tmp_path))
    monkeypatch.setenv("AI_PATTERNS_SYSTEMS", str(tmp_path / "systems"))
    spec = find_system("docks")
    assert spec is not None
    assert f"<h1>{'Feature groups' if page == 'features' else PAGES[page]}</h1>" in render_page(
        page, "docks", read_page(spec, page)
    )


@pytest.fixture(scope="module")
def crowded(docks: SystemSpec, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Ten thousand rows for each table of a page."""
    lake, day, numbers = Lake(str(tmp_path_factory.mktemp("crowded")), docks.name), Days(DAY, DAY), range(MANY)
    checks = [CheckRow(DAY, "psi", f"feature_{number}", 0.5, 0.2, number % 2 == 0, EVIL) for number in numbers]
    record_checks(lake, checks, family="drift", days=day)
    lake.replace_days("quarantine/counted", pa.table({"day": [DAY] * MANY, "reason": [f"r{n}" for n in numbers]}), day)
    row = dict.fromkeys(prediction_schema(docks).names) | {"day": DAY, "mode": "online", "score": 0.5}
    rows = [row | {"prediction_id": f"p{n}", "decided_at": AT, "model_version": 1} for n in numbers]
    lake.append("predictions", pa.Table.from_pylist(rows, prediction_schema(docks)), PARTITIONS)
    return lake


@pytest.mark.parametrize(
    ("page", "told"), [("quality", "and 9,800 more reasons"), ("quality", "and 9,800 more in <"), ("predictions", "p0")]
)
def test_ten_thousand_rows_are_a_page(crowded: Lake, docks: SystemSpec, page: str, told: str, monkeypatch) -> None:
    monkeypatch.setattr(pages, "open_lake", lambda _: crowded)
    html = render_page(page, "docks", read_page(docks, page))
    assert told in html
    assert html.count("<tr") <= 2 * MOST + 2
    assert len(html) < 200_000


@pytest.mark.parametrize("name", ["../docks", "docks/", "", "%2e%2e", "Docks", EVIL])
def test_a_name_that_is_no_system_finds_none(name: str, docks_folder, tmp_path, monkeypatch) -> None:
    (tmp_path / "docks").symlink_to(docks_folder)
    monkeypatch.setenv("AI_PATTERNS_SYSTEMS", str(tmp_path))
    assert find_system(name) is None

"""Each page of a system: what stands on it, what it says where nothing is there yet, and that all of it is escaped."""

from __future__ import annotations

import pytest

from ai_patterns.ui.page import render_page
from ai_patterns.ui.pages import PAGES, find_system, read_page
from shown_pages import EVIL, FULL

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


@pytest.mark.parametrize("name", ["../docks", "docks/", "", "%2e%2e", "Docks", EVIL])
def test_a_name_that_is_no_system_finds_none(name: str, docks_folder, tmp_path, monkeypatch) -> None:
    (tmp_path / "docks").symlink_to(docks_folder)
    monkeypatch.setenv("AI_PATTERNS_SYSTEMS", str(tmp_path))
    assert find_system(name) is None

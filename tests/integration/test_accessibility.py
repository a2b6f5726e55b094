"""Every page in a real browser under axe: in both themes, on a desk and on a phone, without a grave finding."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, sync_playwright

from accessibility import grave
from ai_patterns.ui.page import render, render_page
from ai_patterns.ui.views import View
from shown_pages import FULL, STATUS

SIZES = ((1440, 1000), (390, 844))
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@pytest.fixture(scope="module")
def page(require_program) -> Iterator[Page]:
    chromium = require_program("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(chromium), args=FLAGS)
        yield browser.new_page()
        browser.close()


def html_of(name: str, docks) -> str:
    if name == "map":
        return render(
            [View(each, docks, problem=problem, status=STATUS) for each, problem in (("a", ""), ("b", "away"))]
        )
    return render_page(name, "docks", FULL[name])


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["map", *FULL])
def test_a_page_has_no_grave_finding(page: Page, docks, name: str, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_content(html_of(name, docks))
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        assert grave(page) == []


def test_a_page_that_cannot_be_read_is_found_out(page: Page) -> None:
    page.set_content('<html lang="en"><title>x</title><p style="color:#ccc;background:#fff">pale</p><input></html>')
    assert {found.partition(":")[0] for found in grave(page)} == {"color-contrast", "label"}


@pytest.mark.parametrize("name", ["map", "models", "prediction"])
def test_the_keyboard_reaches_all_there_is_from_top_to_bottom(page: Page, docks, name: str) -> None:
    page.set_viewport_size({"width": 1440, "height": 1000})
    page.set_content(html_of(name, docks))
    visible = "a[href], input, button, summary, [tabindex]"
    expected = page.evaluate(f"[...document.querySelectorAll('{visible}')].filter(e => e.checkVisibility()).length")
    reached: list[int] = []
    for _ in range(expected):
        page.keyboard.press("Tab")
        reached.append(page.evaluate(f"[...document.querySelectorAll('{visible}')].indexOf(document.activeElement)"))
    assert len(reached) == expected > 3
    assert reached == sorted(set(reached)), "in the order of the page, nothing twice"
    assert -1 not in reached

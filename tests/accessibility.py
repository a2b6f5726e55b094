"""What axe finds on a page that keeps a person from using it."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

GRAVE = {"serious", "critical"}


def grave(page: Page) -> list[str]:
    """The grave findings: rule, and the markup that breaks it."""
    return [
        f"{found['id']}: {node['html'][:200]} {node['any'][0]['message'] if node['any'] else ''}"
        for found in Axe().run(page).response["violations"]
        if found["impact"] in GRAVE
        for node in found["nodes"]
    ]

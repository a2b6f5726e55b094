"""The plugin page in a real API server, seen by a real browser."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, unquote

import httpx
import pytest
from playwright.sync_api import Page, sync_playwright

from accessibility import grave
from airflow_users import JWT_SECRET, VIEWER, signed
from demo.rest import AirflowClient
from demo.standalone import Standalone

DAG = "flights__data_pipeline"
PAGES = ["features", "models", "streams", "quality", "predictions", "costs"]
SUBPAGES = [f"/ai-patterns/systems/flights/{page}" for page in (*PAGES, "predictions/1")]
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking",
]  # fmt: skip


@pytest.fixture(scope="module")
def client(airflow: Standalone) -> AirflowClient:
    client = AirflowClient(airflow.url, airflow.user, airflow.password)
    client.wait_for_dag(DAG)
    return client


@pytest.fixture(scope="module")
def screenshots(repository: Path) -> Path:
    folder = repository / ".run" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def page(airflow: Standalone, require_program) -> Iterator[Page]:
    """A logged-in page; its console errors are the attribute `problems`."""
    chromium = require_program("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(chromium), args=FLAGS)
        page = browser.new_page(viewport={"width": 1440, "height": 1000})
        page.goto(f"{airflow.url}/auth/login/")
        page.fill("input[name=username]", airflow.user)
        page.fill("input[name=password]", airflow.password)
        page.click("button[type=submit]")
        page.wait_for_url(lambda url: "/auth/login" not in url)
        page.wait_for_load_state("networkidle")
        page.problems = []
        page.on("console", lambda message: page.problems.append(message.text) if message.type == "error" else None)
        yield page
        browser.close()


@pytest.mark.parametrize("path", ["/ai-patterns/", f"/ai-patterns/dags/{DAG}", *SUBPAGES])
def test_a_stranger_gets_401(airflow: Standalone, path: str) -> None:
    assert httpx.get(airflow.url + path).status_code == 401


def test_the_plugin_is_registered_with_its_page_and_its_tab(client: AirflowClient) -> None:
    plugins = [item for item in client.call("GET", "/plugins")["plugins"] if item["name"] == "ai_patterns"]
    assert len(plugins) == 1
    assert {view["destination"] for view in plugins[0]["external_views"]} == {"nav", "dag"}


def test_no_dag_file_fails(client: AirflowClient) -> None:
    assert client.import_errors() == []


def test_airflow_offers_to_backfill_each_day(client: AirflowClient) -> None:
    client.wait_for_dag("flights__backfill")
    dag = client.call("GET", "/dags/flights__backfill")
    assert (dag["is_backfillable"], dag["next_dagrun_run_after"]) == (True, None)
    days = {"from_date": "2013-02-09T00:00:00Z", "to_date": "2013-02-10T00:00:00Z"}
    listed = client.call("POST", "/backfills/dry_run", json={"dag_id": dag["dag_id"], **days})
    assert [run["partition_key"] for run in listed["backfills"]] == ["2013-02-09", "2013-02-10"]


@pytest.mark.usefixtures("client")
def test_the_page_in_the_navigation(airflow: Standalone, page: Page, screenshots: Path) -> None:
    page.goto(f"{airflow.url}/plugin/ai-patterns")
    frame = page.frame_locator("iframe")
    frame.get_by_role("heading", name="flights").wait_for()
    assert frame.locator("#flights .loop li").count() == 9
    page.screenshot(path=screenshots / "plugin_page.png")
    assert page.problems == []


@pytest.mark.usefixtures("client")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_map(airflow: Standalone, page: Page, screenshots: Path, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)
    page.goto(f"{airflow.url}/ai-patterns/")
    page.screenshot(path=screenshots / f"map_{scheme}.png", full_page=True)
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "it fits a phone"
    page.screenshot(path=screenshots / f"map_phone_{scheme}.png", full_page=True)
    assert page.problems == []
    assert grave(page) == []


@pytest.mark.usefixtures("client")
def test_the_tab_of_a_dag(airflow: Standalone, page: Page, screenshots: Path) -> None:
    page.goto(f"{airflow.url}/dags/{DAG}/plugin/ai-patterns-loop")
    page.frame_locator("iframe").get_by_role("heading", name="flights").wait_for()
    page.screenshot(path=screenshots / "dag_tab.png")


@pytest.mark.usefixtures("client")
def test_the_graph_of_a_dag(airflow: Standalone, page: Page, screenshots: Path) -> None:
    page.add_init_script("localStorage.setItem('default_dag_view', '\"graph\"')")
    page.goto(f"{airflow.url}/dags/{DAG}")
    page.locator(".react-flow__node").first.wait_for()
    page.wait_for_timeout(1000)
    page.screenshot(path=screenshots / "dag_graph.png")


@pytest.mark.usefixtures("client")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_each_page_of_a_system(airflow: Standalone, page: Page, screenshots: Path, name: str, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)
    began = time.perf_counter()
    page.goto(f"{airflow.url}/ai-patterns/systems/flights/{name}")
    print(f"{name}, {scheme}: {time.perf_counter() - began:.2f} s")
    assert page.locator("[aria-current=page]").count() == 1
    assert page.locator("tbody tr").count() > 3, "the demo left figures for each page"
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "it fits a phone"
    page.set_viewport_size({"width": 1440, "height": 1000})
    page.screenshot(path=screenshots / f"{name}_{scheme}.png", full_page=True)
    assert page.problems == []
    assert grave(page) == []


@pytest.mark.usefixtures("client")
def test_from_the_map_to_a_predictions_lineage(airflow: Standalone, page: Page, screenshots: Path) -> None:
    page.goto(f"{airflow.url}/ai-patterns/")
    page.locator("#flights").get_by_role("link", name="Models").click()
    assert page.get_by_text("at most 0.005 is allowed").count() > 0, "the gates stand with their evidence"
    page.get_by_role("link", name="Predictions").click()
    page.locator("tbody a").first.click()
    page.get_by_role("heading", name="Served and recomputed").wait_for()
    assert page.get_by_text("events/departed").count() > 0
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.screenshot(path=screenshots / f"prediction_{scheme}.png", full_page=True)
        assert grave(page) == []
    assert page.problems == []
    page.goto(f"{airflow.url}/ai-patterns/systems/flights/predictions?id=nobody")
    assert page.get_by_role("alert").inner_text() == "There is no prediction nobody."


@pytest.mark.parametrize("path", ["trains/models", "..%2Fflights/models", "flights/secrets"])
def test_what_is_no_page_is_not_found(client: AirflowClient, airflow: Standalone, path: str) -> None:
    answer = httpx.get(f"{airflow.url}/ai-patterns/systems/{path}", headers=client.headers)
    assert answer.status_code == 404


def test_only_a_form_of_this_site_starts_a_run(client: AirflowClient, airflow: Standalone) -> None:
    url, form = f"{airflow.url}/ai-patterns/systems/flights/runs", {"action": "rollback", "reason": "forged"}
    assert httpx.post(url, data=form).status_code == 401
    foreign = client.headers | {"sec-fetch-site": "cross-site"}
    assert httpx.post(url, data=form, headers=foreign).status_code == 403
    assert httpx.post(url, data={"action": "rollback"}, headers=client.headers).status_code == 400
    runs = client.call("GET", "/dags/flights__model_promotion/dagRuns?limit=100")["dag_runs"]
    assert not any((run["conf"] or {}).get("reason") == "forged" for run in runs)


@pytest.mark.parametrize("path", ["/ai-patterns/", *SUBPAGES[:2]])
def test_a_forged_or_expired_token_opens_no_page(client: AirflowClient, airflow: Standalone, path: str) -> None:
    tokens = {
        "as it is": (signed(client.headers, JWT_SECRET), 200),
        "expired": (signed(client.headers, JWT_SECRET, exp=int(time.time()) - 3600), 401),
        "another secret": (signed(client.headers, secrets.token_urlsafe(64)), 403),
        "no signature": (signed(client.headers, "", "none"), 403),
        "no token": ({"Authorization": "Bearer nobody"}, 403),
    }
    seen = {name: httpx.get(airflow.url + path, headers=headers).status_code for name, (headers, _) in tokens.items()}
    assert seen == {name: status for name, (_, status) in tokens.items()}


def test_nobody_without_the_right_starts_a_run(client: AirflowClient, airflow: Standalone) -> None:
    url, form = f"{airflow.url}/ai-patterns/systems/flights/runs", {"action": "rollback", "reason": "not allowed"}
    viewer = AirflowClient(airflow.url, VIEWER, VIEWER)
    assert httpx.get(f"{airflow.url}/ai-patterns/systems/flights/models", headers=viewer.headers).status_code == 200
    for headers, status in (
        (viewer.headers, 403),
        (signed(client.headers, secrets.token_urlsafe(64)), 403),
        (signed(client.headers, JWT_SECRET, exp=int(time.time()) - 3600), 401),
    ):
        assert httpx.post(url, data=form, headers=headers).status_code == status
    runs = client.call("GET", "/dags/flights__model_promotion/dagRuns?limit=100")["dag_runs"]
    assert not any((run["conf"] or {}).get("reason") == "not allowed" for run in runs)


@pytest.mark.usefixtures("client")
def test_a_rollback_from_the_page(client: AirflowClient, airflow: Standalone, page: Page) -> None:
    page.goto(f"{airflow.url}/ai-patterns/systems/flights/models")
    page.get_by_label("Reason").fill("complaints since noon")
    page.get_by_role("button", name="Roll back").click()
    page.wait_for_url("**/dags/flights__model_promotion/runs/**")
    run = unquote(page.url.split("/runs/")[1].split("/")[0].split("?")[0])
    conf = client.call("GET", f"/dags/flights__model_promotion/dagRuns/{quote(run, safe='')}")["conf"]
    assert conf == {"action": "rollback", "reason": "complaints since noon"}

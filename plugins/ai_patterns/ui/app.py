"""The web application behind the page "AI patterns"; every route asks Airflow who is there."""

import logging
from typing import Annotated
from urllib.parse import quote

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import AccessView
from airflow.api_fastapi.core_api.security import auth_manager_from_app, requires_access_view
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from ai_patterns.spec.system import SystemSpec
from ai_patterns.ui.actions import promotion_of, read_form, require_own_form, start_run
from ai_patterns.ui.page import render, render_page
from ai_patterns.ui.pages import PAGES, find_system, read_page, read_prediction
from ai_patterns.ui.views import find_views

# FastAPI resolves annotations at run time, so this module does without postponed ones.
log = logging.getLogger(__name__)

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "frame-ancestors 'self'; base-uri 'none'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


def build() -> FastAPI:
    """The application: 401 to strangers, 403 to those who may not see plugins."""
    app = FastAPI(
        title="AI patterns",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        dependencies=[Depends(requires_access_view(AccessView.PLUGINS))],
    )
    app.dependency_overrides[auth_manager_from_app] = get_auth_manager
    for path, page in (
        ("/", _overview),
        ("/dags/{dag_id}", _of_dag),
        ("/systems/{system}", _map_of_system),
        ("/systems/{system}/predictions/{prediction_id:path}", _of_prediction),
        ("/systems/{system}/{page}", _of_system),
    ):
        app.add_api_route(path, page, response_class=HTMLResponse)
    app.add_api_route("/systems/{system}/runs", _start, methods=["POST"], dependencies=[Depends(require_own_form)])
    return app


def _airflow_root(request: Request) -> str:
    """Path below which Airflow's own pages lie; the application is mounted one step below it."""
    root: str = request.scope.get("root_path", "")
    return root.rsplit("/", 1)[0]


def _system(system: str) -> SystemSpec:
    found = find_system(system)
    if found is None:
        raise HTTPException(404, "there is no such system")
    return found


Root = Annotated[str, Depends(_airflow_root)]
System = Annotated[SystemSpec, Depends(_system)]


def _overview(root: Root) -> HTMLResponse:
    """Every system."""
    return HTMLResponse(render(find_views(), root), headers=HEADERS)


def _of_dag(dag_id: str, root: Root) -> HTMLResponse:
    """The one system that a DAG belongs to; its id tells."""
    return HTMLResponse(render(find_views(dag_id.partition("__")[0]), root, dag_id), headers=HEADERS)


def _map_of_system(system: System, root: Root) -> HTMLResponse:
    """The map of one system."""
    return HTMLResponse(render(find_views(system.name), root), headers=HEADERS)


def _of_system(system: System, page: str, root: Root, id: str | None = None) -> Response:  # noqa: A002 the form's field
    """One page of a system; `id` leads to a prediction's own page."""
    if page not in PAGES:
        raise HTTPException(404, "there is no such page")
    if page == "predictions" and id:
        return RedirectResponse(f"predictions/{quote(id.strip(), safe='')}", status_code=303, headers=HEADERS)
    try:
        return HTMLResponse(render_page(page, system.name, read_page(system, page), root), headers=HEADERS)
    except Exception as error:  # whatever fails, the page is where an operator comes to look
        log.warning("no figures of %s on the page %s: %s", system.name, page, error)
        return _problem(system.name, PAGES[page], str(error), root)


def _of_prediction(system: System, prediction_id: str, root: Root) -> Response:
    """One prediction: what it rests on, and its two vectors."""
    try:
        values = read_prediction(system, prediction_id)
        return HTMLResponse(render_page("prediction", system.name, values, root), headers=HEADERS)
    except LookupError:
        values = {**read_page(system, "predictions"), "wanted": prediction_id}
        html = render_page("predictions", system.name, values, root)
        return HTMLResponse(html, status_code=404, headers=HEADERS)
    except Exception as error:
        log.warning("the prediction %s of %s cannot be explained: %s", prediction_id, system.name, error)
        return _problem(system.name, "Prediction", str(error), root)


def _problem(system: str, title: str, problem: str, root: str) -> HTMLResponse:
    html = render_page("problem", system, {"title": title, "problem": problem}, root)
    return HTMLResponse(html, status_code=503, headers=HEADERS)


async def _start(system: System, request: Request, root: Root) -> RedirectResponse:
    """Start what a form asks for, and lead to its run."""
    dag_id = f"{system.name}__model_promotion"
    run = await start_run(request, dag_id, promotion_of(await read_form(request)))
    return RedirectResponse(f"{root}/dags/{dag_id}/runs/{quote(run, safe='')}", status_code=303, headers=HEADERS)

"""The web application behind the page "AI patterns"; every route asks Airflow who is there."""

from typing import Annotated

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import AccessView
from airflow.api_fastapi.core_api.security import auth_manager_from_app, requires_access_view
from fastapi import Depends, FastAPI, Request
from fastapi.responses import HTMLResponse

from ai_patterns.ui.page import render, render_pair
from ai_patterns.ui.views import find_pair, find_views

# FastAPI resolves annotations at run time, so this module does without postponed ones.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'",
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
    app.add_api_route("/", _overview, response_class=HTMLResponse)
    app.add_api_route("/dags/{dag_id}", _of_dag, response_class=HTMLResponse)
    app.add_api_route("/parity/{system}/{prediction_id}", _of_prediction, response_class=HTMLResponse)
    return app


def _airflow_root(request: Request) -> str:
    """Path below which Airflow's own pages lie; the application is mounted one step below it."""
    root: str = request.scope.get("root_path", "")
    return root.rsplit("/", 1)[0]


Root = Annotated[str, Depends(_airflow_root)]


def _overview(root: Root) -> HTMLResponse:
    """Every system."""
    return HTMLResponse(render(find_views(), root), headers=HEADERS)


def _of_dag(dag_id: str, root: Root) -> HTMLResponse:
    """The one system that a DAG belongs to; its id tells."""
    return HTMLResponse(render(find_views(dag_id.partition("__")[0]), root, dag_id), headers=HEADERS)


def _of_prediction(system: str, prediction_id: str, root: Root) -> HTMLResponse:
    """One prediction's two vectors."""
    pair = find_pair(system, prediction_id)
    if pair is None:
        return HTMLResponse("There is no such online prediction.", status_code=404, headers=HEADERS)
    return HTMLResponse(render_pair(system, pair, root), headers=HEADERS)

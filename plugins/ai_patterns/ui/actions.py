"""What a page can start: DAG runs, asked of Airflow's own API in the name of whoever pressed the button.

The page has no rights of its own: the credentials of its request are handed on, and Airflow decides. A form on
another site would carry these credentials too, so only a form of this site is taken: browsers say where a request came
from in `Sec-Fetch-Site` (W3C Fetch Metadata) and, before that, in `Origin`; neither can be set by a page.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from fastapi import HTTPException, Request
from httpx import ASGITransport, AsyncClient

ACTIONS = ("promote", "rollback", "end_rollout")
MAX_BODY = 4096


def require_own_form(request: Request) -> None:
    """Refuse what did not come from a page of this site.

    Raises:
        HTTPException: 403.
    """
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if site is not None:
        own = site == "same-origin"
    elif origin is not None:
        own = urlsplit(origin).netloc == request.headers.get("host")
    else:  # no browser: a client that carries no cookie by itself
        own = "authorization" in request.headers
    if not own:
        raise HTTPException(403, "this form was sent by another site")


async def read_form(request: Request) -> dict[str, str]:
    """The form's fields, without those that are empty.

    Raises:
        HTTPException: 413 where it is too large, 400 where it is no form.
    """
    if int(request.headers.get("content-length") or MAX_BODY + 1) > MAX_BODY:
        raise HTTPException(413, f"a form has at most {MAX_BODY} bytes")
    try:
        fields = parse_qs((await request.body()).decode("utf-8"), strict_parsing=True, max_num_fields=10)
    except ValueError as error:
        raise HTTPException(400, f"the body is no form: {error}") from None
    return {name: values[-1].strip() for name, values in fields.items()}


def promotion_of(form: Mapping[str, str]) -> dict[str, Any]:
    """The run's conf for `{system}__model_promotion`.

    Raises:
        HTTPException: 400 where a field is missing or malformed.
    """
    action, version, reason = (form.get(name, "") for name in ("action", "version", "reason"))
    if action not in ACTIONS:
        raise HTTPException(400, f"action is one of {', '.join(ACTIONS)}")
    if not reason:
        raise HTTPException(400, "a change of the champion needs a reason")
    if version and not version.isdecimal():
        raise HTTPException(400, "version is a number; empty means the challenger")
    named = {"version": version} if version and action == "promote" else {}
    return {"action": action, "reason": reason, **named}


async def start_run(request: Request, dag_id: str, conf: Mapping[str, Any]) -> str:
    """Start a run as the caller; return its id.

    Raises:
        HTTPException: with Airflow's own status where it refuses.
    """
    from airflow.api_fastapi.main import app

    handed_on = {name: request.headers[name] for name in ("cookie", "authorization") if name in request.headers}
    async with AsyncClient(transport=ASGITransport(app=app), base_url=str(request.base_url)) as client:
        path = f"/api/v2/dags/{quote(dag_id, safe='')}/dagRuns"
        answer = await client.post(path, json={"logical_date": None, "conf": dict(conf)}, headers=handed_on)
    if answer.status_code != 200:
        raise HTTPException(answer.status_code, f"Airflow refused the run of {dag_id}: {answer.text[:500]}")
    return str(answer.json()["dag_run_id"])

"""A form starts a run only when it comes from this site and says what it must."""

from __future__ import annotations

import pytest
from fastapi import HTTPException, Request

from ai_patterns.ui.actions import MAX_BODY, promotion_of, read_form, require_own_form


def request(headers: dict[str, str], body: bytes = b"") -> Request:
    async def receive() -> dict:
        return {"type": "http.request", "body": body, "more_body": False}

    raw = [(name.encode(), value.encode()) for name, value in {"host": "air:8080", **headers}.items()]
    return Request({"type": "http", "method": "POST", "path": "/", "headers": raw}, receive)


@pytest.mark.parametrize(
    "headers",
    [{"sec-fetch-site": "same-origin"}, {"origin": "http://air:8080"}, {"authorization": "Bearer token"}],
)
def test_a_form_of_this_site_is_taken(headers) -> None:
    require_own_form(request(headers))


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"cookie": "_token=stolen"},
        {"sec-fetch-site": "cross-site", "authorization": "Bearer token"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"origin": "http://evil:8080"},
        {"origin": "null"},
    ],
)
def test_a_form_of_another_site_is_refused(headers) -> None:
    with pytest.raises(HTTPException) as refused:
        require_own_form(request(headers))
    assert refused.value.status_code == 403


async def fields(body: bytes, **headers: str) -> dict[str, str]:
    return await read_form(request({"content-length": str(len(body)), **headers}, body))


def run(coroutine):
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("it waits for more than its body")


def test_fields_are_read() -> None:
    form = run(fields(b"action=rollback&reason=complaints+since+noon&version="))
    assert promotion_of(form) == {"action": "rollback", "reason": "complaints since noon"}
    assert promotion_of({"action": "promote", "reason": "r", "version": "7"})["version"] == "7"


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [(b"x" * (MAX_BODY + 1), {}, 413), (b"a=1", {"content-length": ""}, 413), (b"\xff=1", {}, 400), (b"a", {}, 400)],
)
def test_what_is_no_form_is_refused(body, headers, status) -> None:
    with pytest.raises(HTTPException) as refused:
        run(fields(body, **headers))
    assert refused.value.status_code == status


@pytest.mark.parametrize(
    "form",
    [
        {"action": "drop", "reason": "r"},
        {"action": "promote"},
        {"reason": "r"},
        {"action": "promote", "reason": "r", "version": "1; drop"},
    ],
)
def test_a_field_that_is_missing_or_malformed_is_named(form) -> None:
    with pytest.raises(HTTPException) as refused:
        promotion_of(form)
    assert refused.value.status_code == 400

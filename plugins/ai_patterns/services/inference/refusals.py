"""Errors in a form that the clients of all three protocols read."""

from __future__ import annotations

from typing import Any

from ai_patterns.errors import ServiceError
from ai_patterns.services.inference.batching import OverloadedError
from ai_patterns.services.inference.requests import Answer, RequestError, json_answer

_CODES = {
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "RESOURCE_DOES_NOT_EXIST",
    429: "REQUEST_LIMIT_EXCEEDED",
    500: "INTERNAL_ERROR",
    503: "TEMPORARILY_UNAVAILABLE",
}
_EXTRA: dict[int, list[tuple[bytes, bytes]]] = {
    401: [(b"www-authenticate", b"Bearer")],
    405: [(b"allow", b"POST")],
    # What is left of the body is not read, so the connection cannot be used again.
    408: [(b"connection", b"close")],
    413: [(b"connection", b"close")],
    429: [(b"retry-after", b"1")],
}


def refusal(error: Exception) -> Answer:
    """The answer that tells of an error; 503 with `Retry-After` where the same request may succeed later."""
    body: dict[str, Any] = {"error": str(error), "message": str(error), "detail": str(error)}
    if isinstance(error, RequestError):
        status = error.status
        body["detail"] = error.details or str(error)
    elif isinstance(error, ServiceError):
        status = 503
        body["conn_id"] = error.conn_id
    else:
        status = 500
        body = dict.fromkeys(body, "the service failed; its log tells why")
    answer = json_answer({**body, "error_code": _CODES.get(status, "BAD_REQUEST")}, status)
    answer.headers += _EXTRA.get(status, [])
    if status == 503:
        answer.headers.append((b"retry-after", b"1" if isinstance(error, OverloadedError) else b"5"))
    return answer

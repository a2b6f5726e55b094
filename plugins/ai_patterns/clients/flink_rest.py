"""Requests to Flink's two REST interfaces, and what their errors mean."""

from __future__ import annotations

from typing import Any

import httpx

from ai_patterns.errors import ServiceError, ServiceRejectedError, ServiceUnavailableError

_PASSING = (
    "ConnectException",
    "Connection refused",
    "TimeoutException",
    "NoResourceAvailableException",
    "Not all required tasks are currently running",
    "UnavailableDispatcherOperationException",
    "is not in the state RUNNING",
)


class Rest:
    """One REST interface.

    Args:
        url: its address.
        conn_id: the Airflow connection that errors name.
    """

    def __init__(self, url: str, conn_id: str | None = None) -> None:
        self.url, self.conn_id = url.rstrip("/"), conn_id

    def ask(self, method: str, path: str, body: object | None = None) -> Any:
        """The answer to a request.

        Raises:
            ServiceUnavailableError: Flink is away, or cannot do it at the moment.
            ServiceRejectedError: it refuses.
        """
        try:
            response = httpx.request(method, f"{self.url}{path}", json=body, timeout=60)
        except httpx.HTTPError as error:
            problem = f"Flink at {self.url} is away: {error}; start one with `ai-patterns up flink`."
            raise ServiceUnavailableError(problem, conn_id=self.conn_id) from error
        if response.is_success:
            return response.json() if response.content else {}
        raise self.error(response.text, f"refused {method} {path.partition('?')[0]}")

    def error(self, told: str, what: str) -> ServiceError:
        """The package's error for a trace of Flink's: to be tried again or not."""
        kind = ServiceUnavailableError if any(sign in told for sign in _PASSING) else ServiceRejectedError
        return kind(f"Flink at {self.url} {what}: {root_cause(told)}", conn_id=self.conn_id)


def root_cause(trace: str) -> str:
    r"""The innermost cause that a Java trace tells; traces within JSON have their line ends escaped.

    >>> root_cause("a.B: failed\n\tat x\nCaused by: c.SqlParseException: Encountered FROM at line 1\n\tat y")
    'SqlParseException: Encountered FROM at line 1'
    """
    lines = trace.replace("\\n", "\n").replace("\\t", "\t").splitlines()
    told = [line.removeprefix("Caused by: ") for line in lines if line.startswith("Caused by: ")] or lines[:1]
    kind, colon, text = (told[-1] if told else "").partition(": ")
    return f"{kind.rpartition('.')[2]}{colon}{text}"[:500]

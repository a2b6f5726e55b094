"""The inference service behind an Airflow connection, over the open inference protocol and MLflow's scoring."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ai_patterns.errors import ServiceRejectedError, ServiceUnavailableError
from ai_patterns.hooks.embedded import EmbeddedHook, location

if TYPE_CHECKING:
    import httpx

    from ai_patterns.core.rollout_counts import Counts

VARIABLE = "AI_PATTERNS_SERVING_URL"
EMBEDDED = "http://127.0.0.1:8090"
TIMEOUT = 10.0


class ServingHook(EmbeddedHook):
    """Speaks with the inference service.

    The connection is its address (`http`, host, port), with the service's key as its password. Without one it is
    `$AI_PATTERNS_SERVING_URL`, else `http://127.0.0.1:8090`, and the key `$AI_PATTERNS_API_KEY`.
    """

    default_conn_name = "ai_patterns_serving"
    conn_type = "ai_patterns_serving"
    hook_name = "AI patterns: Inference service"

    def look(self) -> object:
        """Ask for something small."""
        return self.is_live()

    @cached_property
    def url(self) -> str:
        """Address of the service, without a slash at its end."""
        return self._place[0].rstrip("/")

    @cached_property
    def _place(self) -> tuple[str, str | None]:
        """Address and key."""
        embedded = os.environ.get(VARIABLE) or EMBEDDED
        connection = self.find_connection(embedded)
        if connection is None:
            return embedded, os.environ.get("AI_PATTERNS_API_KEY")
        return location(connection), connection.password

    def is_live(self) -> bool:
        """Whether the process answers."""
        return self._status("/v2/health/live") == 200

    def is_ready(self) -> bool:
        """Whether it has loaded a model and can predict."""
        return self._status("/v2/health/ready") == 200

    def model(self, name: str) -> dict[str, Any]:
        """What the service says about the model named `name` (its `versions` among it)."""
        return self._json(self._request("GET", f"/v2/models/{name}"))

    def predict(self, rows: Sequence[Mapping[str, Any]], decided_at: dt.datetime | None = None) -> dict[str, Any]:
        """Ask for predictions of JSON rows (`dataframe_records`, as MLflow's `/invocations` takes them).

        Args:
            rows: the decisions' inputs.
            decided_at: when the decisions are made (UTC); now, where it is not told.

        Raises:
            ServiceRejectedError: the service refused the rows.
            ServiceUnavailableError: it is away, or failed.
        """
        body: dict[str, Any] = {"dataframe_records": list(rows)}
        if decided_at is not None:
            body["params"] = {"decided_at": decided_at.isoformat()}
        return self._json(self._request("POST", "/invocations", json=body))

    def rollout_counts(self, sequence: int) -> Counts:
        """What the service has counted in the step of a rollout.

        Args:
            sequence: number of the step's line in the ledger of rollouts.

        Raises:
            ServiceRejectedError: the key is wrong, or the service has none.
            ServiceUnavailableError: it is away, or failed.
        """
        from ai_patterns.core.rollout_counts import Counts

        found = self._json(self._request("GET", f"/admin/rollouts/{sequence}"))
        if found["problem"]:
            self.log.warning("The service does not follow the rollout: %s", found["problem"])
        return Counts.from_dict(found["counts"])

    def _status(self, path: str) -> int:
        return self._request("GET", path).status_code

    def _request(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        import httpx

        try:
            key = self._place[1]
            headers = {"X-API-Key": key} if key else {}
            return httpx.request(method, f"{self.url}{path}", timeout=TIMEOUT, headers=headers, **arguments)
        except httpx.HTTPError as error:
            problem = f"the inference service {self.url} is away: {error}."
            raise ServiceUnavailableError(problem, conn_id=self.conn_id) from error

    def _json(self, response: httpx.Response) -> dict[str, Any]:
        if response.is_success:
            body: dict[str, Any] = response.json()
            return body
        problem = f"{response.request.url} answered {response.status_code}: {response.text[:300]}"
        kind = ServiceRejectedError if response.is_client_error else ServiceUnavailableError
        raise kind(problem, conn_id=self.conn_id)

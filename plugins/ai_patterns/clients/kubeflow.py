"""Runs of Kubeflow Pipelines, by its REST interface (kubeflow.org/docs/components/pipelines/reference/api, v2beta1)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from ai_patterns.errors import ServiceRejectedError, ServiceUnavailableError

TIMEOUT = 30.0
FAILED = frozenset({"FAILED", "CANCELING", "CANCELED", "SKIPPED"})
SUCCEEDED = "SUCCEEDED"


@dataclass(frozen=True)
class KubeflowRun:
    """A run.

    Attributes:
        run_id: its id.
        state: Kubeflow's `RuntimeState`.
        problem: what it failed of, where it tells.
    """

    run_id: str
    state: str
    problem: str = ""


class KubeflowRuns:
    """The runs of one Kubeflow Pipelines.

    Args:
        url: its address, up to `/apis`.
        token: a bearer token, where one is asked for.
        conn_id: the Airflow connection that errors name.
    """

    def __init__(self, url: str, token: str | None = None, conn_id: str | None = None) -> None:
        self.url, self.conn_id = url.rstrip("/"), conn_id
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def start(self, name: str, pipeline: Mapping[str, Any], parameters: Mapping[str, Any], experiment: str = "") -> str:
        """The id of the run `name`: of the newest that has not failed, else of a new one.

        Args:
            name: names are not unique in Kubeflow; whoever starts a run under one name must be one.
            pipeline: a compiled pipeline.
            parameters: its parameters.
            experiment: id of an experiment; by default Kubeflow's own choice.

        Raises:
            ServiceRejectedError: Kubeflow refuses.
            ServiceUnavailableError: it is away.
        """
        newest = self.find(name)
        if newest is not None and newest.state not in FAILED:
            return newest.run_id
        body = {"display_name": name, "pipeline_spec": pipeline, "runtime_config": {"parameters": dict(parameters)}}
        if experiment:
            body["experiment_id"] = experiment
        return str(self._ask("POST", "", json=body)["run_id"])

    def find(self, name: str) -> KubeflowRun | None:
        """The newest run of a name."""
        named = {"operation": "EQUALS", "key": "display_name", "string_value": name}
        asked = {"filter": json.dumps({"predicates": [named]}), "sort_by": "created_at desc", "page_size": "1"}
        found = self._ask("GET", "", params=asked).get("runs") or []
        return _read(found[0]) if found else None

    def get(self, run_id: str) -> KubeflowRun:
        """A run as it is now."""
        return _read(self._ask("GET", f"/{run_id}"))

    def terminate(self, run_id: str) -> None:
        """Have a run stopped."""
        self._ask("POST", f"/{run_id}:terminate")

    def _ask(self, method: str, path: str, **asked: Any) -> dict[str, Any]:
        where = f"{self.url}/apis/v2beta1/runs{path}"
        try:
            response = httpx.request(method, where, headers=self._headers, timeout=TIMEOUT, **asked)
        except httpx.HTTPError as error:
            problem = f"Kubeflow Pipelines at {self.url} is away: {error}."
            raise ServiceUnavailableError(problem, conn_id=self.conn_id) from error
        if response.is_success:
            answer: dict[str, Any] = response.json() if response.content else {}
            return answer
        kind = ServiceRejectedError if response.is_client_error else ServiceUnavailableError
        problem = f"Kubeflow Pipelines at {self.url} refused {method} {where} ({response.status_code})"
        raise kind(f"{problem}: {response.text[:300]}.", conn_id=self.conn_id)


def _read(run: Mapping[str, Any]) -> KubeflowRun:
    problem = (run.get("error") or {}).get("message", "")
    return KubeflowRun(run["run_id"], run.get("state", "RUNTIME_STATE_UNSPECIFIED"), problem)

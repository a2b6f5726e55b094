"""A small client of Airflow's REST API."""

from __future__ import annotations

import datetime as dt
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import httpx

RETRIES = 10
REPEATABLE = frozenset({"GET", "PATCH"})
DONE = frozenset({"success", "failed"})


class AirflowClient:
    """Calls with a token of one user.

    Args:
        url: where the API server listens.
        user: name for `POST /auth/token`.
        password: the user's password.
    """

    def __init__(self, url: str, user: str, password: str) -> None:
        token = httpx.post(f"{url}/auth/token", json={"username": user, "password": password}, timeout=180)
        token.raise_for_status()
        self.headers = {"Authorization": f"Bearer {token.json()['access_token']}"}
        self._http = httpx.Client(base_url=f"{url}/api/v2", headers=self.headers, timeout=180)

    def call(self, method: str, path: str, **arguments: Any) -> Any:
        """One call; its JSON.

        Raises:
            httpx.HTTPStatusError: Airflow refused; the message holds its reason.
        """
        return _result(self._send(method, path, RETRIES if method in REPEATABLE else 0, **arguments))

    def _send(self, method: str, path: str, retries: int, **arguments: Any) -> httpx.Response:
        response = self._http.request(method, path, **arguments)
        for _ in range(retries):
            if not response.is_server_error:
                break
            time.sleep(1)  # SQLite refuses while another process writes
            response = self._http.request(method, path, **arguments)
        return response

    def dag_ids(self) -> list[str]:
        """Ids of all DAGs."""
        return [dag["dag_id"] for dag in self.call("GET", "/dags", params={"limit": 500})["dags"]]

    def import_errors(self) -> list[dict[str, Any]]:
        """What went wrong while reading DAG files."""
        errors: list[dict[str, Any]] = self.call("GET", "/importErrors")["import_errors"]
        return errors

    def wait_for_dag(self, dag_id: str, seconds: float = 120) -> None:
        """Wait until the DAG processor has read a DAG.

        Raises:
            TimeoutError: it did not, in time.
        """
        deadline = time.monotonic() + seconds
        while dag_id not in self.dag_ids():
            if time.monotonic() > deadline:
                raise TimeoutError(f"no DAG {dag_id!r} after {seconds:.0f} s; import errors: {self.import_errors()}")
            time.sleep(1)

    def unpause(self, dag_id: str) -> None:
        """Let a DAG run."""
        self.call("PATCH", f"/dags/{dag_id}", json={"is_paused": False})

    def trigger(self, dag_id: str, conf: Mapping[str, Any] | None = None, partition: str | None = None) -> str:
        """Start a run; its id, chosen here, so that a request which is sent again starts no second one."""
        run_id = f"manual__{uuid.uuid4()}"
        body: dict[str, Any] = {"dag_run_id": run_id, "logical_date": None, "conf": dict(conf or {})}
        body |= {"partition_key": partition} if partition else {}
        response = self._send("POST", f"/dags/{dag_id}/dagRuns", RETRIES, json=body)
        if response.status_code != httpx.codes.CONFLICT:  # it is there: only the answer of an earlier try was lost
            _result(response)
        return run_id

    def states(self, dag_id: str, run_id: str) -> dict[str, str]:
        """Task id -> state (mapped tasks carry their index)."""
        tasks = self.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances", params={"limit": 500})
        return {
            task["task_id"] + (f"[{task['map_index']}]" if task["map_index"] >= 0 else ""): task["state"] or "waiting"
            for task in tasks["task_instances"]
        }

    def wait(self, dag_id: str, run_id: str, tell: Callable[[str], None] = lambda _: None, seconds: float = 900) -> str:
        """Wait for a run to end; its state, `success` or `failed`.

        Raises:
            TimeoutError: it did not end in time.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            state: str = self.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}")["state"]
            if state in DONE:
                return state
            tasks = self.states(dag_id, run_id)
            active = [f"{task} {now}" for task, now in tasks.items() if now in {"running", "deferred"}]
            finished = sum(now in {"success", "skipped"} for now in tasks.values())
            tell(f"{finished}/{len(tasks)} tasks{', ' + ', '.join(active) if active else ''}")
            time.sleep(0.5)
        scheduler = self.call("GET", "/monitor/health")["scheduler"]
        raise TimeoutError(
            f"{dag_id} {run_id} did not end within {seconds:.0f} s, until {dt.datetime.now(dt.UTC)}; "
            f"tasks: {self.states(dag_id, run_id)}; scheduler: {scheduler}"
        )


def _result(response: httpx.Response) -> Any:
    if response.is_error:
        request = response.request
        reason = f"{request.method} {request.url.path}: {response.status_code} {response.text[:500]}"
        raise httpx.HTTPStatusError(reason, request=request, response=response)
    return response.json() if response.content else None

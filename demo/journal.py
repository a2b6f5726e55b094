"""What the demo has done: DAG runs asked for and DAG runs that assets woke, with their states and seconds."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from demo.progress import Progress
from demo.rest import AirflowClient

WAKE_SECONDS = 90


class Journal:
    """Runs DAGs of one system and remembers each run.

    Args:
        client: Airflow's REST API.
        system: name of the system; DAG ids are `{system}__{step}`.
    """

    def __init__(self, client: AirflowClient, system: str) -> None:
        self._client, self._system = client, system
        self._seen: set[tuple[str, str]] = set()
        self.runs: list[dict[str, Any]] = []
        self.phases: dict[str, float] = {}

    @contextmanager
    def phase(self, title: str) -> Iterator[None]:
        """A chapter of the demo, timed."""
        print(f"\n== {title}", flush=True)
        start = time.monotonic()
        yield
        self.phases[title] = round(time.monotonic() - start, 1)

    def prepare(self, steps: list[str]) -> None:
        """Wait until the DAGs are there, and let them run."""
        for step in steps:
            self._client.wait_for_dag(f"{self._system}__{step}")
            self._client.unpause(f"{self._system}__{step}")

    def run(self, step: str, days: str, *, expect: str = "success", **conf: object) -> str:
        """Trigger a DAG for `days` and wait for its end; its run id.

        Raises:
            RuntimeError: it ended in another state than `expect`.
        """
        run_id = self.start(step, days, **conf)
        return self.finish(step, run_id, days, expect=expect)

    def start(self, step: str, days: str, **conf: object) -> str:
        """Trigger a DAG for `days` without waiting; its run id."""
        dag_id = f"{self._system}__{step}"
        run_id = self._client.trigger(dag_id, {"days": days, **conf})
        self._seen.add((dag_id, run_id))
        return run_id

    def follow(self, step: str, days: str, *, expect: str | None = "success") -> str:
        """Wait for the run of a DAG that an asset wakes next, and for its end; its run id.

        Raises:
            TimeoutError: nothing woke it.
        """
        dag_id = f"{self._system}__{step}"
        deadline = time.monotonic() + WAKE_SECONDS
        while time.monotonic() < deadline:
            for run_id in self._run_ids(dag_id):
                if (dag_id, run_id) not in self._seen:
                    self._seen.add((dag_id, run_id))
                    return self.finish(step, run_id, days, expect=expect)
            time.sleep(0.5)
        raise TimeoutError(f"no asset woke {dag_id} within {WAKE_SECONDS} s")

    def finish(self, step: str, run_id: str, days: str, *, expect: str | None = "success") -> str:
        """Wait for a run's end and write it down; with `expect=None` either end is right."""
        dag_id = f"{self._system}__{step}"
        progress = Progress(f"{dag_id} {days}")
        state = self._client.wait(dag_id, run_id, progress)
        progress.done(state if state == "success" else f"{state}{' (as it must)' if expect == state else ''}")
        tasks = self._client.states(dag_id, run_id)
        self.runs.append(
            {
                "dag": dag_id, "run": run_id, "days": days, "state": state, "expected": expect,
                "seconds": round(progress.seconds, 1), "tasks": tasks,
            }
        )  # fmt: skip
        if expect is not None and state != expect:
            failed = [task for task, end in tasks.items() if end == "failed"]
            raise RuntimeError(f"{dag_id} ended as {state}, not {expect}; failed tasks: {failed or tasks}")
        return run_id

    def result(self, step: str, run_id: str, task: str, key: str = "return_value") -> Any:
        """What a task returned, or pushed under `key`."""
        path = f"/dags/{self._system}__{step}/dagRuns/{run_id}/taskInstances/{task}/xcomEntries/{key}"
        entry: Mapping[str, Any] = self._client.call("GET", path, params={"deserialize": "true"})
        return entry["value"]

    def _run_ids(self, dag_id: str) -> list[str]:
        runs = self._client.call("GET", f"/dags/{dag_id}/dagRuns", params={"limit": 50, "order_by": "run_after"})
        return [run["dag_run_id"] for run in runs["dag_runs"]]

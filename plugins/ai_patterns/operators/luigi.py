"""Luigi's tasks as Airflow's, one each: an existing graph moves over as it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from airflow.sdk import BaseOperator, Context, TaskGroup

from ai_patterns.core.task_graph import read_graph
from ai_patterns.operators.system import never_retried


class RunLuigiTaskOperator(BaseOperator):
    """Runs one task of a Luigi graph, in this process, by Luigi's worker; its targets decide whether.

    A task that is complete, and one that only complete tasks require, succeeds without running.

    Args:
        graph: the file that `ai-patterns luigi` wrote.
        node: the task's name in it.
        parameters: those of the graph's last task, as on Luigi's command line.
        kwargs: as of Airflow's operators.
    """

    template_fields: Sequence[str] = ("graph", "node", "parameters")

    def __init__(
        self, *, graph: Path | str, node: str, parameters: Mapping[str, str] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.graph, self.node, self.parameters = str(graph), node, dict(parameters or {})

    def execute(self, context: Context) -> dict[str, str]:  # noqa: ARG002  the signature is Airflow's
        """Run it; return the task and what became of it.

        Raises:
            AirflowFailException: the graph has another shape than its file; a retry would find the same.
            IncompleteTaskError: a requirement is not complete, or the task did not become so.
        """
        from ai_patterns.jobs.luigi import run_task

        with never_retried():
            task, outcome = run_task(Path(self.graph), self.node, self.parameters)
        self.log.info("%s %s", task, outcome)
        return {"task": task, "outcome": outcome}


class LuigiTaskGroup(TaskGroup):
    """A Luigi graph as a group of tasks with the same dependencies.

    A DAG file reads the graph's shape from a file that `ai-patterns luigi MODULE TASK` wrote, so neither Luigi nor the
    tasks' module is imported when Airflow parses it. Each task compares the file with the graph that its parameters
    lead to, and refuses to run where they differ.

    Args:
        group_id: id of the group, and prefix of its tasks' ids.
        graph: the file.
        parameters: those of the graph's last task; texts as on Luigi's command line, templates such as `{{ ds }}` too.
        kwargs: as of Airflow's task groups; `default_args` reach every task.
    """

    def __init__(
        self, group_id: str, *, graph: Path | str, parameters: Mapping[str, str] | None = None, **kwargs: Any
    ) -> None:
        shape = read_graph(Path(graph))
        super().__init__(group_id=group_id, tooltip=f"Luigi: {shape.module}.{shape.task}", **kwargs)
        tasks: dict[str, RunLuigiTaskOperator] = {}
        for node in shape.nodes:
            task = tasks[node.name] = RunLuigiTaskOperator(
                task_id=node.name,
                graph=graph,
                node=node.name,
                parameters=parameters,
                doc_md=f"`{node.example}`",
                task_group=self,
            )
            task.set_upstream([tasks[required] for required in node.requires])

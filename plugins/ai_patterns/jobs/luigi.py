"""A Luigi graph taken apart: its shape written down, and one of its tasks run for a set of parameters."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Literal

from ai_patterns.clients.luigi import load_task, run_alone, walk
from ai_patterns.core.task_graph import TaskGraph, read_graph, write_graph
from ai_patterns.errors import SpecError

Outcome = Literal["ran", "was complete", "is not needed"]


def snapshot(
    module: str, task: str, parameters: Mapping[str, str], file: Path, *, whole: Collection[str] = ()
) -> TaskGraph:
    """Write down the shape of what a Luigi task requires.

    Args:
        module: the module that defines the task.
        task: its family.
        parameters: any that the task takes; the shape must be the same for all that it is run with.
        file: where to write it.
        whole: families whose tasks run together with all that they require.

    Raises:
        SpecError: there is no such task, or its graph cannot be written down.
    """
    graph = walk(load_task(module, task, parameters), module, frozenset(whole)).shape()
    write_graph(graph, file)
    return graph


def run_task(file: Path, name: str, parameters: Mapping[str, str]) -> tuple[str, Outcome]:
    """Run one task of a graph, if Luigi would.

    Args:
        file: what `snapshot` wrote.
        name: the task's name in it.
        parameters: those of the graph's last task.

    Returns:
        the task with its parameters, and what became of it: a complete one is not run, nor one whose users are all
        complete.

    Raises:
        SpecError: the parameters are wrong, or lead to a graph of another shape than the file's.
        IncompleteTaskError: a requirement is not complete, or the task did not become so.
        Exception: what the task itself raised.
    """
    written = read_graph(file)
    graph = walk(load_task(written.module, written.task, parameters), written.module, written.whole)
    difference = written.difference(graph.shape())
    if difference:
        remedy = (
            "write it down again with `ai-patterns luigi`, or let the family that changes its requirements run whole"
        )
        raise SpecError(f"with {dict(parameters)} the graph has another shape: {difference}; {remedy}", file=file)
    task = graph.tasks[written.index(name)]
    if task.complete():
        return str(task), "was complete"
    if not graph.is_needed(task):
        return str(task), "is not needed"
    run_alone(task, alone=task.task_family not in written.whole)
    return str(task), "ran"

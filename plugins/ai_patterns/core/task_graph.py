"""The shape of a graph of tasks, as a file keeps it: names, kinds and who requires whom, without any task's code."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ai_patterns.errors import SpecError


@dataclass(frozen=True)
class TaskNode:
    """One task.

    Attributes:
        name: what it is called in the graph; whoever keeps the file may give it a better name.
        task: its kind, such as a Luigi task family.
        requires: names of the tasks that come before it.
        example: the task itself, as it was when the graph was written down.
    """

    name: str
    task: str
    requires: tuple[str, ...] = ()
    example: str = ""


@dataclass(frozen=True)
class TaskGraph:
    """A graph that ends in one task.

    Attributes:
        module: the Python module that defines the last task.
        nodes: each after all that it requires; the last one is the task that the graph is for.
        whole: kinds of tasks that stand for themselves and for everything that they require.
    """

    module: str
    nodes: tuple[TaskNode, ...]
    whole: frozenset[str] = frozenset()

    @property
    def task(self) -> str:
        """The kind of the last task."""
        return self.nodes[-1].task

    def index(self, name: str) -> int:
        """The place of a node among the nodes."""
        return next(place for place, node in enumerate(self.nodes) if node.name == name)

    def difference(self, other: TaskGraph) -> str:
        """The first difference in shape in one clause, empty where there is none; names are no shape.

        >>> one = TaskGraph("m", (TaskNode("a", "A"), TaskNode("b", "B", ("a",))))
        >>> one.difference(TaskGraph("m", (TaskNode("x", "A"), TaskNode("y", "B", ("x",)))))
        ''
        >>> one.difference(TaskGraph("m", (TaskNode("a", "A"), TaskNode("b", "B"))))
        'b (B) requires nothing where it required a'
        """
        for mine, theirs in zip(self.nodes, other.nodes, strict=False):
            if mine.task != theirs.task:
                return f"{mine.name} is a {theirs.task} where it was a {mine.task}"
            now = [self.nodes[other.index(name)].name for name in theirs.requires]
            if sorted(mine.requires) != sorted(now):
                was = ", ".join(mine.requires) or "nothing"
                return f"{mine.name} ({mine.task}) requires {', '.join(now) or 'nothing'} where it required {was}"
        if len(self.nodes) != len(other.nodes):
            return f"it has {len(other.nodes)} tasks where it had {len(self.nodes)}"
        return ""


def named_graph(module: str, tasks: Sequence[tuple[str, Sequence[int], str]], whole: frozenset[str]) -> TaskGraph:
    """A graph whose nodes are called after their kinds, numbered where there are several of one.

    Args:
        module: the Python module of the last task.
        tasks: kind, places of the required tasks and an example of each, in the order of `TaskGraph.nodes`.
        whole: as of `TaskGraph`.

    >>> [node.name for node in named_graph("m", [("A", [], ""), ("x.A", [], ""), ("A", [0, 1], "")], frozenset()).nodes]
    ['A_1', 'x_A', 'A_2']
    """
    total, seen, names = Counter(kind for kind, _, _ in tasks), Counter[str](), []
    for kind, _, _ in tasks:
        seen[kind] += 1
        names.append(re.sub(r"\W", "_", kind) + (f"_{seen[kind]}" if total[kind] > 1 else ""))
    nodes = (
        TaskNode(name, kind, tuple(names[place] for place in requires), example)
        for name, (kind, requires, example) in zip(names, tasks, strict=True)
    )
    return TaskGraph(module, tuple(nodes), whole)


def write_graph(graph: TaskGraph, file: Path) -> None:
    """Write a graph as JSON."""
    document = {"module": graph.module, "whole": sorted(graph.whole), "nodes": [asdict(node) for node in graph.nodes]}
    file.write_text(json.dumps(document, indent=2) + "\n", "utf-8")


def read_graph(file: Path) -> TaskGraph:
    """Read what `write_graph` wrote.

    Raises:
        SpecError: there is no such file, or it holds no graph; the error names the field.
    """
    if not file.is_file():
        remedy = "`ai-patterns luigi` writes it; a DAG file finds its neighbour by Path(__file__).parent"
        raise SpecError(f"there is no such file; {remedy}", file=file)
    try:
        document = json.loads(file.read_text("utf-8"))
    except ValueError as error:
        raise SpecError(f"this is no JSON: {error}", file=file) from None
    try:
        graph = TaskGraph(
            document["module"], tuple(map(_node, document["nodes"])), frozenset(document.get("whole", ()))
        )
    except (KeyError, TypeError) as error:
        raise SpecError(f"this is no graph of tasks, {error} is missing or of a wrong type", file=file) from None
    _check_names(graph, file)
    return graph


def _node(entry: Mapping[str, Any]) -> TaskNode:
    return TaskNode(entry["name"], entry["task"], tuple(entry["requires"]), entry.get("example", ""))


def _check_names(graph: TaskGraph, file: Path) -> None:
    before: set[str] = set()
    for place, node in enumerate(graph.nodes):
        if not re.fullmatch(r"[\w-]+", node.name, re.ASCII) or node.name in before:
            problem = f"{node.name!r} is used twice, or holds more than letters, digits, _ and -"
            raise SpecError(problem, file=file, field=f"nodes.{place}.name")
        unknown = set(node.requires) - before
        if unknown:
            problem = f"{node.name!r} requires {min(unknown)!r}, which does not come before it"
            raise SpecError(problem, file=file, field=f"nodes.{place}.requires")
        before.add(node.name)
    if not before:
        raise SpecError("there is no task in it", file=file, field="nodes")

"""Luigi: an existing graph of tasks, in an order that is the same in each process, and one of its tasks run alone."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from importlib import import_module
from typing import Any

from ai_patterns.core.task_graph import TaskGraph, named_graph
from ai_patterns.errors import IncompleteTaskError, MissingDependencyError, SpecError

MOST_TASKS = 2_000
"""Airflow draws and schedules no larger graph with grace; a graph that follows its own yesterday has no end at all."""

Requirements = Mapping[Any, tuple[Any, ...]]


@dataclass(frozen=True)
class LuigiGraph:
    """The tasks that one task requires, directly or not, and itself.

    Attributes:
        module: the Python module of the last task.
        requires: each task's requirements; a task comes after all of its own, the last one is the one asked for.
        whole: families whose tasks run everything that they require by themselves.
    """

    module: str
    requires: Requirements
    whole: frozenset[str]

    @cached_property
    def tasks(self) -> tuple[Any, ...]:
        """All tasks in order."""
        return tuple(self.requires)

    def shape(self) -> TaskGraph:
        """What `core.task_graph` keeps of it."""
        places = {task: place for place, task in enumerate(self.tasks)}
        entries = [(task.task_family, [places[each] for each in self.requires[task]], str(task)) for task in self.tasks]
        return named_graph(self.module, entries, self.whole)

    def is_needed(self, task: Any) -> bool:
        """Whether the last task waits for it: Luigi does not look behind a task that is complete."""
        waiting, seen = [task], {task}
        while waiting:
            current = waiting.pop()
            if current == self.tasks[-1]:
                return True
            users = [user for user in self.tasks if current in self.requires[user] and user not in seen]
            seen.update(users)
            waiting += [user for user in users if not user.complete()]
        return False


def load_task(module: str, family: str, parameters: Mapping[str, str]) -> Any:
    """Import a module and make one of its tasks.

    Args:
        module: dotted name of the module.
        family: the task's family: its class name, after its namespace if it has one.
        parameters: texts as on Luigi's command line.

    Raises:
        SpecError: there is no such module or task, or the parameters are not the task's.
    """
    luigi = _library()
    try:
        import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise
        raise SpecError(f"there is no module {module!r} on this Python's path", field="module") from None
    try:
        kind = luigi.task_register.Register.get_task_cls(family)
    except luigi.task_register.TaskClassException as error:
        raise SpecError(str(error), field="task") from None
    known = {name for name, _ in kind.get_params()}
    if not known.issuperset(parameters):
        unknown = min(set(parameters) - known)
        raise SpecError(f"{family} has no parameter {unknown!r}; it has {', '.join(sorted(known)) or 'none'}")
    try:
        return kind.from_str_params(parameters)
    except (luigi.parameter.ParameterException, ValueError) as error:
        raise SpecError(f"{family} refuses {dict(parameters)}: {error}", field="parameters") from error


def walk(task: Any, module: str, whole: frozenset[str] = frozenset()) -> LuigiGraph:
    """All that a task requires, complete or not, in an order that depends on the tasks alone.

    Sets among the requirements have another order in each process, so siblings are sorted: by the shape of what they
    require, then by their parameters.

    Raises:
        SpecError: the graph has a cycle, or more than `MOST_TASKS` tasks.
    """
    found = _discover(task, whole)
    try:
        upwards = list(TopologicalSorter(found).static_order())
    except CycleError as error:
        raise SpecError(f"tasks require each other in a circle: {', '.join(map(str, error.args[1]))}") from None
    shapes: dict[Any, str] = {}
    for each in upwards:
        parts = ",".join(sorted(shapes[required] for required in found[each]))
        shapes[each] = hashlib.sha256(f"{each.task_family}({parts})".encode()).hexdigest()

    def rank(sibling: Any) -> tuple[str, list[tuple[str, str]]]:
        return shapes[sibling], sorted(sibling.to_str_params().items())

    ranked = {each: tuple(sorted(required, key=rank)) for each, required in found.items()}
    return LuigiGraph(module, _in_order(task, ranked), whole)


def _discover(task: Any, whole: frozenset[str]) -> dict[Any, tuple[Any, ...]]:
    found: dict[Any, tuple[Any, ...]] = {}
    waiting = [task]
    while waiting:
        current = waiting.pop()
        if current in found:
            continue
        found[current] = () if current.task_family in whole else _requirements(current)
        waiting += found[current]
        if len(found) > MOST_TASKS:
            raise SpecError(
                f"{task} requires more than {MOST_TASKS} tasks, the last of which is {current}; let a family stand for "
                f"all that it requires: --whole {current.task_family}"
            )
    return found


def _requirements(task: Any) -> tuple[Any, ...]:
    try:
        return tuple(dict.fromkeys(task.deps()))
    except Exception as error:
        error.add_note(f"raised by requires() of {task}")
        raise


def _in_order(last: Any, ranked: Requirements) -> Requirements:
    done: dict[Any, tuple[Any, ...]] = {}
    path = [last]
    while path:
        following = next((task for task in ranked[path[-1]] if task not in done), None)
        if following is None:
            current = path.pop()
            done[current] = ranked[current]
        else:
            path.append(following)
    return done


def run_alone(task: Any, *, alone: bool = True) -> None:
    """Run one task by Luigi's own worker, which also runs the requirements that it yields while it runs.

    Args:
        task: a task that is not complete.
        alone: refuse to run what it requires; otherwise its worker runs that as well.

    Raises:
        IncompleteTaskError: a requirement or an external task is not complete, or the task did not become so.
        Exception: what the task itself raised.
    """
    luigi = _library()
    if alone:
        _check_requirements(task)
    # Its log goes where this process logs.
    luigi.configuration.get_config().set("core", "no_configure_logging", "true")
    raised: list[BaseException] = []

    def note(failed: Any, error: BaseException) -> None:
        error.add_note(f"raised by {failed}")
        raised.append(error)

    events = (luigi.Event.FAILURE, luigi.Event.BROKEN_TASK)
    for event in events:
        luigi.Task.event_handler(event)(note)
    try:
        result = luigi.build([task], local_scheduler=True, workers=1, detailed_summary=True)
    finally:
        for event in events:
            luigi.Task.remove_event_handler(event, note)
    logging.getLogger(__name__).info(result.summary_text)
    # A task that was tried again by Luigi's own retries has raised and is complete.
    if raised and not result.status == luigi.LuigiStatusCode.SUCCESS_WITH_RETRY:
        raise raised[0]
    if result.status not in {luigi.LuigiStatusCode.SUCCESS, luigi.LuigiStatusCode.SUCCESS_WITH_RETRY}:
        raise IncompleteTaskError(f"{task} did not succeed: {result.status.value[1]}")
    if _missing_targets(task):
        raise IncompleteTaskError(f"{task} ran, but {_state(task)}; run() must write what output() names")


def _check_requirements(task: Any) -> None:
    missing = [required for required in task.deps() if not required.complete()]
    if missing:
        states = "; ".join(f"{required}: {_state(required)}" for required in missing)
        raise IncompleteTaskError(f"{task} requires what is not complete: {states}. Clear those tasks as well")
    if not callable(task.run):
        raise IncompleteTaskError(f"{task} is external, and {_state(task)} (yet); whoever makes it is late")


def _state(task: Any) -> str:
    targets = _missing_targets(task)
    return f"its target {', '.join(targets)} does not exist" if targets else "it says so itself"


def _missing_targets(task: Any) -> list[str]:
    targets = _library().task.flatten(task.output())
    return [str(getattr(target, "path", target)) for target in targets if not target.exists()]


def _library() -> Any:
    try:
        import luigi
        import luigi.configuration
        import luigi.task
        import luigi.task_register
    except ImportError:
        raise MissingDependencyError("luigi", "luigi") from None
    return luigi

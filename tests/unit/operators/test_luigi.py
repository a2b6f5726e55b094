"""A Luigi graph as an Airflow group: real Luigi tasks, whose targets decide."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowFailException

from ai_patterns.cli import main
from ai_patterns.errors import IncompleteTaskError, SpecError
from ai_patterns.jobs.luigi import snapshot
from ai_patterns.operators.luigi import LuigiTaskGroup

DAY = "2024-03-05"


@pytest.fixture
def shop(tmp_path):
    """A folder with the orders of both shops."""
    for name, orders in (("north", "3 x 4"), ("south", "2")):
        (tmp_path / f"Orders-{DAY}-{name}.txt").write_text(orders)
    return tmp_path


def group_of(shop, task="Report", *, day=DAY, whole=()):
    """The group's operators by node, in the graph's order; the snapshot was taken for another day."""
    file = shop / "graph.json"
    if not file.exists():
        snapshot("luigi_shop", task, {"folder": "elsewhere", "day": "1999-12-31"}, file, whole=whole)
    with DAG("shop", schedule=None):
        group = LuigiTaskGroup("luigi", graph=file, parameters={"folder": str(shop), "day": day})
    return {name.removeprefix("luigi."): task for name, task in group.children.items()}


def run(tasks, *names):
    """What becomes of the tasks, in the graph's order."""
    return [tasks[name].execute({})["outcome"] for name in names or tasks]


def runs(shop):
    """The tasks that ran, in order."""
    file = shop / "runs.txt"
    return file.read_text().split() if file.exists() else []


def test_each_task_becomes_one_with_its_dependencies(shop):
    tasks = group_of(shop)
    upstream = {name: {each.removeprefix("luigi.") for each in task.upstream_task_ids} for name, task in tasks.items()}
    assert upstream == {
        "Orders_1": set(),
        "Clean_1": {"Orders_1"},
        "Orders_2": set(),
        "Clean_2": {"Orders_2"},
        "Best": {"Clean_1", "Clean_2"},
        "Total": {"Clean_1", "Clean_2"},
        "Report": {"Best", "Total"},
    }


def test_the_graph_runs_as_luigi_runs_it(shop):
    assert run(group_of(shop)) == ["was complete", "ran", "was complete", "ran", "ran", "ran", "ran"]
    assert (shop / f"Report-{DAY}.txt").read_text() == "9 4"
    assert runs(shop) == ["Clean-north", "Clean-south", "Best", "Total", "Report"]


def test_a_second_run_runs_nothing(shop):
    tasks = group_of(shop)
    run(tasks)
    assert set(run(tasks)) == {"was complete"}
    assert len(runs(shop)) == 5


def test_a_lost_target_is_made_again_and_what_is_there_is_not(shop):
    tasks = group_of(shop)
    run(tasks)
    (shop / f"Best-{DAY}.txt").unlink()
    (shop / f"Report-{DAY}.txt").unlink()
    assert run(tasks, "Clean_1", "Best", "Total", "Report") == ["was complete", "ran", "was complete", "ran"]
    assert runs(shop)[5:] == ["Best", "Report"]


def test_nothing_is_made_for_a_report_that_is_there(shop):
    """As Luigi, which does not look behind a complete task."""
    tasks = group_of(shop)
    run(tasks)
    for file in (*shop.glob("Clean*"), *shop.glob("Orders*"), shop / f"Best-{DAY}.txt"):
        file.unlink()
    assert run(tasks)[:5] == ["is not needed"] * 5
    assert len(runs(shop)) == 5


def test_luigi_itself_agrees_on_what_is_left_to_do(shop):
    """One half by Airflow's tasks, the other by Luigi's own command."""
    run(group_of(shop), "Clean_1", "Clean_2", "Total")
    command = [sys.executable, "-m", "luigi", "--module", "luigi_shop", "Report", "--local-scheduler"]
    command += ["--folder", str(shop), "--day", DAY]
    done = subprocess.run(command, check=True, cwd=Path(__file__).parents[2], capture_output=True, text=True)
    assert "2 ran successfully" in done.stderr
    assert runs(shop) == ["Clean-north", "Clean-south", "Total", "Best", "Report"]


def test_a_failing_task_raises_its_own_error_and_leaves_the_rest(shop):
    (shop / f"Orders-{DAY}-south.txt").write_text("none")
    tasks = group_of(shop)
    run(tasks, "Clean_1")
    with pytest.raises(ValueError, match="south sold nothing") as raised:
        run(tasks, "Clean_2")
    assert "raised by Clean(" in raised.value.__notes__[0]
    with pytest.raises(IncompleteTaskError, match=r"Total.*requires what is not complete: Clean.*Clean-.*-south.txt"):
        run(tasks, "Total")
    (shop / f"Orders-{DAY}-south.txt").write_text("2")
    assert run(tasks)[3:] == ["ran", "ran", "ran", "ran"]


def test_an_external_task_that_is_late_is_named_with_its_target(shop):
    (shop / f"Orders-{DAY}-south.txt").unlink()
    with pytest.raises(IncompleteTaskError, match=r"Orders.* is external, .*Orders-2024-03-05-south.txt does not"):
        run(group_of(shop), "Orders_2")


def test_a_wrapper_without_output_is_complete_with_what_it_wraps(shop):
    assert run(group_of(shop, "All"))[-2:] == ["ran", "was complete"]


def test_requirements_that_a_task_yields_run_within_it(shop):
    assert run(group_of(shop, "Rounds"))[-1] == "ran"
    assert (shop / f"Rounds-{DAY}.txt").read_text() == "0 1 2 3 4 5 6 7 8"


def test_a_failure_of_a_yielded_requirement_is_the_tasks_own(shop):
    (shop / f"Orders-{DAY}-south.txt").write_text("60")
    tasks = group_of(shop, "Rounds")
    run(tasks, *list(tasks)[:-1])
    with pytest.raises(ValueError, match="too many rounds"):
        run(tasks, "Rounds")


def test_a_task_that_writes_nothing_fails(shop):
    with pytest.raises(IncompleteTaskError, match=r"Forgetful.* ran, but its target .*Forgetful-2024-03-05.txt does"):
        run(group_of(shop, "Forgetful"))


def test_a_graph_of_another_shape_is_refused(shop):
    with pytest.raises(AirflowFailException, match="another shape: Round_6 is a Month where it was a Round"):
        run(group_of(shop, "Month"))


def test_a_family_that_runs_whole_may_change_its_shape(shop):
    assert run(group_of(shop, "Month", whole=["Month"])) == ["ran"]
    assert sorted(runs(shop)[:-1]) == ["Round-0", "Round-1", "Round-2", "Round-3", "Round-4"]
    assert runs(shop)[-1] == "Month"


@pytest.mark.parametrize(
    ("module", "task", "parameters", "problem"),
    [
        ("luigi_shop", "Diary", {"folder": "x", "day": DAY}, "more than 2000 tasks.*--whole Diary"),
        ("luigi_shop", "Circle", {"folder": "x", "day": DAY}, "in a circle: Circle"),
        ("luigi_shop", "Reports", {"folder": "x", "day": DAY}, "Report"),
        ("luigi_shop", "Report", {"folder": "x", "date": DAY}, "no parameter 'date'; it has day, folder"),
        ("luigi_shop", "Report", {"folder": "x", "day": "March"}, "refuses .*March"),
        ("luigi_shop", "Report", {"folder": "x"}, "refuses"),
        ("luigi_shops", "Report", {}, "no module 'luigi_shops'"),
    ],
)
def test_what_cannot_be_written_down_says_why(tmp_path, module, task, parameters, problem):
    with pytest.raises(SpecError, match=problem):
        snapshot(module, task, parameters, tmp_path / "graph.json")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (None, r"no such file; `ai-patterns luigi` writes it"),
        ("{", "no JSON"),
        ('{"module": "m"}', "'nodes' is missing"),
        ('{"module": "m", "nodes": []}', r"\[nodes\]: there is no task"),
        ('{"module": "m", "nodes": [{"name": "a b", "task": "A", "requires": []}]}', r"\[nodes.0.name\]: 'a b'"),
        ('{"module": "m", "nodes": [{"name": "a", "task": "A", "requires": ["b"]}]}', r"\[nodes.0.requires\].*'b'"),
    ],
)
def test_a_bad_file_is_an_import_error_that_names_the_field(tmp_path, text, problem):
    file = tmp_path / "graph.json"
    if text is not None:
        file.write_text(text)
    with DAG("shop", schedule=None), pytest.raises(SpecError, match=problem):
        LuigiTaskGroup("luigi", graph=file)


def test_the_command_writes_the_file_and_a_node_may_be_renamed(shop, capsys):
    file = shop / "graph.json"
    arguments = ["luigi", "luigi_shop", "Report", "--output", str(file)]
    assert main([*arguments, "--parameter", "folder=x", "--parameter", "day=2001-01-01"]) == 0
    assert "Report <- Best, Total" in capsys.readouterr().out
    file.write_text(file.read_text().replace('"Clean_1"', '"Clean_north"'))
    assert run(group_of(shop), "Clean_north") == ["ran"]
    assert json.loads(file.read_text())["nodes"][0]["example"] == "Orders(folder=x, day=2001-01-01, shop=north)"

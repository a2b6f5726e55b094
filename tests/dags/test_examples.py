"""The examples of the operators' reference are DAG files that Airflow reads, and no public class lacks one."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from airflow.dag_processing.dagbag import DagBag

from ai_patterns.provider import OPERATORS, SENSORS

# What others are made of.
BASES = {"FlinkJobOperator", "DeployJobOperator", "VersionOperator", "TopicOperator", "DeferringSensor"}


@pytest.fixture(scope="module")
def bag(repository: Path) -> DagBag:
    folder = repository / "docs" / "examples"
    return DagBag(dag_folder=str(folder), bundle_path=folder, bundle_name="examples")


def classes(file: Path) -> set[str]:
    """The operators, sensors and task groups that a module defines for others."""
    names = {node.name for node in ast.parse(file.read_text("utf-8")).body if isinstance(node, ast.ClassDef)}
    public = {name for name in names - BASES if not name.startswith("_")}
    return {name for name in public if name.endswith(("Operator", "Sensor", "TaskGroup"))}


def test_airflow_reads_every_example(bag: DagBag, repository: Path) -> None:
    assert bag.import_errors == {}
    files = {file.stem for file in (repository / "docs" / "examples").glob("*.py")}
    assert files == {*OPERATORS, "sensors"}
    assert set(bag.dags) == {f"example_{name}" for name in files}
    assert all(dag.tasks for dag in bag.dags.values())


@pytest.mark.parametrize("name", [*OPERATORS, "sensors"])
def test_an_example_shows_every_class(repository: Path, name: str) -> None:
    package = repository / "plugins" / "ai_patterns"
    modules = [package / "operators" / f"{name}.py"]
    if name == "sensors":
        modules = [package / "sensors" / f"{stem}.py" for stem in SENSORS]
    example = ast.parse((repository / "docs" / "examples" / f"{name}.py").read_text("utf-8"))
    used = {
        node.func.id for node in ast.walk(example) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert set().union(*(classes(module) for module in modules)) <= used


def test_the_reference_holds_every_module_and_its_example(repository: Path) -> None:
    page = (repository / "docs" / "operators.md").read_text("utf-8")
    for name in OPERATORS:
        assert f"::: ai_patterns.operators.{name}\n" in page
        assert f'--8<-- "{name}.py"' in page
    for name in SENSORS:
        assert f"::: ai_patterns.sensors.{name}\n" in page

"""From the systems of a project to the DAGs of one pattern."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from airflow.sdk import DAG

from ai_patterns.errors import SpecError
from ai_patterns.hooks.systems import find_all
from ai_patterns.spec.system import SystemSpec

Builder = Callable[[SystemSpec], tuple[DAG, ...]]


def dags_of(build: Builder, *, file: Path | str, doc: str | None = None) -> dict[str, DAG]:
    """Build one pattern for every good system; a broken one is left to `require_good_systems`.

    Args:
        build: the pattern's builder.
        file: the DAG file; `include/systems` is looked for beside its folder.
        doc: the DAG file's docstring, shown with each DAG.

    Returns:
        The DAGs by id.
    """
    dags = [dag for system in find_all(file).systems for dag in build(system)]
    for dag in dags:
        dag.doc_md = f"{doc or ''}\n\n{dag.doc_md}".strip()
    return {dag.dag_id: dag for dag in dags}


def require_good_systems(*, file: Path | str) -> None:
    """Say what is wrong with the systems that have no DAGs.

    Raises:
        SpecError: one line for each broken system.
    """
    found = find_all(file)
    if found.errors:
        raise SpecError("\n".join(["systems without DAGs:", *(str(error) for error in found.errors)]))
    if not found.systems:
        raise SpecError("there is no system here; `ai-patterns new NAME` writes a starter", file=found.root)

"""A system says which engine makes its tiles; nothing else of its DAG changes."""

from __future__ import annotations

import pytest

from ai_patterns.patterns.batch_processing import build
from ai_patterns.spec.system import SystemSpec


@pytest.mark.parametrize(
    ("engine", "operator"), [("duckdb", "BuildFeaturesOperator"), ("spark", "SubmitSparkFeaturesOperator")]
)
def test_the_engine_chooses_the_operator(docks: SystemSpec, engine: str, operator: str) -> None:
    (dag,) = build(docks.model_copy(update={"engine": engine}))
    (task,) = dag.tasks
    assert type(task).__name__ == operator
    assert [outlet.name for outlet in task.outlets] == ["docks/batch_tiles"]
    assert {"system", "days"} <= set(task.template_fields)

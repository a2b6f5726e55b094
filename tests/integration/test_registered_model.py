"""Promotion of models that were trained and registered without us, by operators that know only their names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from deltalake import write_deltalake
from sklearn.linear_model import LinearRegression, LogisticRegression

from ai_patterns.clients.foreign_table import read_table
from ai_patterns.clients.lake import Lake
from ai_patterns.clients.ledger import read_promotions
from ai_patterns.clients.mlflow import CHALLENGER, CHAMPION, Registry
from ai_patterns.errors import ServiceUnavailableError
from ai_patterns.operators.registered_model import PromoteRegisteredModelOperator, RollbackRegisteredModelOperator
from ai_patterns.sensors.model_ready import ModelReadySensor

MODEL = "churn"
GATES = {"compare": "brier", "mode": "better", "absolute": {"auc": {"min": 0.6}}, "guards": {"logloss": 0.01}}


def customers(seed: int, days: int = 20) -> pd.DataFrame:
    """A hundred customers a day, whose churn hangs on two columns; one label in fifty is not known."""
    random = np.random.default_rng(seed)
    size = 100 * days
    frame = pd.DataFrame({"calls": random.normal(size=size), "age": random.normal(size=size)})
    frame["seen_at"] = pd.Timestamp("2024-05-01", tz="UTC") + pd.to_timedelta(np.arange(size) // 100, unit="D")
    frame["churned"] = (random.random(size) < 1 / (1 + np.exp(-2 * frame["calls"] + frame["age"]))).astype(float)
    frame.loc[::50, "churned"] = np.nan
    return frame


def fit(columns: list[str]) -> LogisticRegression:
    rows = customers(1).dropna()
    return LogisticRegression().fit(rows[columns], rows["churned"])


def log_model(uri: str, model: Any, columns: list[str], name: str = MODEL, **told: Any) -> int:
    """Register a model as anybody does: nothing of ours is beside it."""
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    example = customers(1)[columns].head()
    info = mlflow.sklearn.log_model(
        model, name="model", registered_model_name=name, input_example=example, serialization_format="cloudpickle",
        pip_requirements=["scikit-learn"], **told
    )  # fmt: skip
    return int(info.registered_model_version)


@pytest.fixture
def site(tmp_path, monkeypatch) -> tuple[Registry, Lake, Path]:
    """An embedded registry and lake, with labelled rows beside them."""
    monkeypatch.setenv("AI_PATTERNS_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    customers(2).to_parquet(tmp_path / "customers.parquet")
    task = promotion()
    task.registry.versions()  # its folder is there from now on
    return task.registry, task.lake, tmp_path


def promotion(**told: Any) -> PromoteRegisteredModelOperator:
    columns = {"label_column": "churned", "time_column": "seen_at", "evaluation": "customers.parquet", "gates": GATES}
    return PromoteRegisteredModelOperator(task_id="promote", model=MODEL, **{**columns, **told})


def run(task: Any, name: str = "run 1") -> Any:
    return task.execute({"run_id": name, "params": {}})


def test_a_better_challenger_takes_the_place_that_was_given_by_hand(site) -> None:
    registry, lake, _ = site
    assert log_model(registry.tracking_uri, fit(["age"]), ["age"]) == 1
    registry.set_alias(CHAMPION, 1)
    with pytest.raises(AirflowSkipException, match="no challenger"):
        run(promotion())
    assert log_model(registry.tracking_uri, fit(["calls", "age"]), ["calls", "age"]) == 2
    registry.set_alias(CHALLENGER, 2)

    assert run(promotion()) == {"version": 2, "previous": 1}
    assert (registry.alias(CHAMPION), registry.alias(CHALLENGER)) == (2, None)
    assert run(promotion(version="2")) == {"version": 2, "previous": 1}, "a second try does it once"
    adopted, line = read_promotions(lake)
    assert (adopted.version, adopted.previous, adopted.evidence) == (1, None, {"adopted": True})
    assert [gate["name"] for gate in line.evidence["gates"]] == ["auc min", "compare brier", "guard logloss"]
    assert line.evidence["champion"] == 1

    sensor = ModelReadySensor(task_id="wait", model=MODEL, newer_than=1)
    assert sensor.look({"run_id": "run 1"}) == 2
    assert run(RollbackRegisteredModelOperator(task_id="back", model=MODEL)) == {"version": 1, "previous": 2}
    assert registry.alias(CHAMPION) == 1
    with pytest.raises(AirflowFailException, match="no earlier champion"):
        run(RollbackRegisteredModelOperator(task_id="back", model=MODEL), "run 2")


def test_one_of_the_same_skill_is_refused_with_its_reason(site) -> None:
    registry, lake, _ = site
    for _ in range(2):
        log_model(registry.tracking_uri, fit(["calls", "age"]), ["calls", "age"])
    assert run(promotion(version="1")) == {"version": 1, "previous": None}
    with pytest.raises(AirflowFailException, match=r"version 2 was refused: brier is worse .* must be better"):
        run(promotion(version="2"), "run 2")
    assert registry.alias(CHAMPION) == 1
    assert read_promotions(lake)[-1].action == "refused"


def test_a_regression_on_a_delta_table(site) -> None:
    registry, _, folder = site
    rows = customers(1).dropna()
    rows["spent"] = rows["calls"] * 3 + rows["age"]
    write_deltalake(folder / "spending", pa.Table.from_pandas(rows, preserve_index=False))
    log_model(registry.tracking_uri, LinearRegression().fit(rows[["calls", "age"]], rows["spent"]), ["calls", "age"])
    gates = {"compare": "rmse", "absolute": {"r2": {"min": 0.99}}}
    task = promotion(version="1", evaluation="spending", task="regression", label_column="spent", gates=gates)
    assert run(task) == {"version": 1, "previous": None}
    assert task.review(1).metrics["rmse"] < 1e-9


class Answers(mlflow.pyfunc.PythonModel):
    """A function that answers what it is told to."""

    def __init__(self, value: object) -> None:
        self.value = value

    def predict(self, model_input: pd.DataFrame) -> object:
        return [self.value] * len(model_input)


@pytest.mark.parametrize(("value", "told"), [(1, "answers classes"), (1.5, "beyond 0 and 1"), ("no", "a number for")])
def test_what_is_no_probability_is_refused(site, value, told) -> None:
    registry, _, _ = site
    mlflow.set_tracking_uri(registry.tracking_uri)
    mlflow.pyfunc.log_model(
        name="model", python_model=Answers(value), registered_model_name=MODEL, pip_requirements=[],
        signature=mlflow.models.infer_signature(customers(1)[["age"]].head()),
    )  # fmt: skip
    with pytest.raises(AirflowFailException, match=told):
        run(promotion(version="1"))


@pytest.mark.parametrize(
    ("told", "problem"),
    [
        ({"label_column": "churn"}, r"no column 'churn'; they have: calls, age, seen_at, churned"),
        ({"gates": {"compare": "rmse"}}, r"'rmse' is no metric of classification"),
        ({"gates": {"compare": "auc", "tolerence": 1}}, r"\[gates.tolerence\]"),
        ({"gates": {"compare": "auc", "server": {"max_p99_ms": 9}}}, r"\[gates.server\].*leave it out"),
        ({"version": "7"}, "has no version 7 of the model 'churn'; its versions are: 1"),
    ],
)
def test_what_is_asked_wrongly_names_its_remedy(site, told, problem) -> None:
    registry, _, _ = site
    log_model(registry.tracking_uri, fit(["age"]), ["age"])
    with pytest.raises(AirflowFailException, match=problem):
        run(promotion(**{"version": "1", **told}))


def test_a_model_that_reads_what_the_rows_lack(site) -> None:
    registry, _, folder = site
    log_model(registry.tracking_uri, fit(["age"]), ["age"])
    customers(2).drop(columns="age").to_csv(folder / "short.csv", index=False)
    with pytest.raises(AirflowFailException, match=r"models:/churn/1 reads age, which the evaluation rows do not have"):
        run(promotion(version="1", evaluation="short.csv"))


def test_a_table_that_is_not_there() -> None:
    with pytest.raises(
        ServiceUnavailableError, match="the table /nowhere/rows cannot be read as Delta, Parquet or CSV"
    ):
        read_table("/nowhere/rows")


def test_the_sensor_waits_for_one_of_both() -> None:
    for told in ({}, {"system": "flights", "model": "churn"}):
        with pytest.raises(ValueError, match="give one"):
            ModelReadySensor(task_id="wait", **told)

"""Promotion of models that were trained and registered without us, by operators that know only their names."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator
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


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """A folder with an embedded registry and labelled rows."""
    folder = tmp_path_factory.mktemp("home")
    customers(2).to_parquet(folder / "customers.parquet")
    with contextlib.chdir(folder):  # where its default experiment keeps artifacts from now on
        Registry(f"sqlite:///{folder}/.run/mlflow.db", "any").versions()
    return folder


class Site:
    """One registered model of a team, and tasks about it."""

    def __init__(self, home: Path, model: str) -> None:
        self.home, self.model = home, model
        self.registry = Registry(f"sqlite:///{home}/.run/mlflow.db", model)
        self.lake = Lake(f"{home}/.run/lake", model)

    def log(self, model: Any, columns: list[str]) -> int:
        """Register a model as anybody does: nothing of ours is beside it."""
        info = mlflow.sklearn.log_model(
            model, name="model", registered_model_name=self.model, input_example=customers(1)[columns].head(),
            serialization_format="cloudpickle", pip_requirements=["scikit-learn"],
        )  # fmt: skip
        return int(info.registered_model_version)

    def promotion(self, **told: Any) -> PromoteRegisteredModelOperator:
        asked = {"label_column": "churned", "time_column": "seen_at", "gates": GATES}
        asked["evaluation"] = str(self.home / "customers.parquet")
        return PromoteRegisteredModelOperator(task_id="promote", model=self.model, **{**asked, **told})

    def rollback(self) -> RollbackRegisteredModelOperator:
        return RollbackRegisteredModelOperator(task_id="back", model=self.model)


@pytest.fixture
def site(home, monkeypatch) -> Iterator[Site]:
    monkeypatch.setenv("AI_PATTERNS_HOME", str(home))
    monkeypatch.chdir(home)
    made, before = Site(home, f"churn_{uuid.uuid4().hex[:6]}"), mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(made.registry.tracking_uri)
    yield made
    mlflow.set_tracking_uri(before)


def run(task: Any, name: str = "run 1") -> Any:
    return task.execute({"run_id": name, "params": {}})


def test_a_better_challenger_takes_the_place_that_was_given_by_hand(site) -> None:
    registry, lake = site.registry, site.lake
    assert site.log(fit(["age"]), ["age"]) == 1
    registry.set_alias(CHAMPION, 1)
    with pytest.raises(AirflowSkipException, match="no challenger"):
        run(site.promotion())
    assert site.log(fit(["calls", "age"]), ["calls", "age"]) == 2
    registry.set_alias(CHALLENGER, 2)

    assert run(site.promotion()) == {"version": 2, "previous": 1}
    assert (registry.alias(CHAMPION), registry.alias(CHALLENGER)) == (2, None)
    assert run(site.promotion(version="2")) == {"version": 2, "previous": 1}, "a second try does it once"
    adopted, line = read_promotions(lake)
    assert (adopted.version, adopted.previous, adopted.evidence) == (1, None, {"adopted": True})
    assert [gate["name"] for gate in line.evidence["gates"]] == ["auc min", "compare brier", "guard logloss"]
    assert line.evidence["champion"] == 1

    sensor = ModelReadySensor(task_id="wait", model=site.model, newer_than=1)
    assert sensor.look({"run_id": "run 1"}) == 2
    assert run(site.rollback()) == {"version": 1, "previous": 2}
    assert registry.alias(CHAMPION) == 1
    with pytest.raises(AirflowFailException, match="no earlier champion"):
        run(site.rollback(), "run 2")


def test_one_of_the_same_skill_is_refused_with_its_reason(site) -> None:
    registry, lake = site.registry, site.lake
    for _ in range(2):
        site.log(fit(["calls", "age"]), ["calls", "age"])
    assert run(site.promotion(version="1")) == {"version": 1, "previous": None}
    with pytest.raises(AirflowFailException, match=r"version 2 was refused: brier is worse .* must be better"):
        run(site.promotion(version="2"), "run 2")
    assert registry.alias(CHAMPION) == 1
    assert read_promotions(lake)[-1].action == "refused"


def test_a_regression_on_a_delta_table(site) -> None:
    rows = customers(1).dropna()
    rows["spent"] = rows["calls"] * 3 + rows["age"]
    write_deltalake(site.home / "spending", pa.Table.from_pandas(rows, preserve_index=False))
    site.log(LinearRegression().fit(rows[["calls", "age"]], rows["spent"]), ["calls", "age"])
    gates = {"compare": "rmse", "absolute": {"r2": {"min": 0.99}}}
    task = site.promotion(
        version="1", evaluation=f"{site.home}/spending", task="regression", label_column="spent", gates=gates
    )
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
    mlflow.pyfunc.log_model(
        name="model", python_model=Answers(value), registered_model_name=site.model, pip_requirements=[],
        signature=mlflow.models.infer_signature(customers(1)[["age"]].head()),
    )  # fmt: skip
    with pytest.raises(AirflowFailException, match=told):
        run(site.promotion(version="1"))


@pytest.mark.parametrize(
    ("told", "problem"),
    [
        ({"label_column": "churn"}, r"no column 'churn'; they have: calls, age, seen_at, churned"),
        ({"gates": {"compare": "rmse"}}, r"'rmse' is no metric of classification"),
        ({"gates": {"compare": "auc", "tolerence": 1}}, r"\[gates.tolerence\]"),
        ({"gates": {"compare": "auc", "server": {"max_p99_ms": 9}}}, r"\[gates.server\].*leave it out"),
        ({"version": "7"}, "has no version 7 of the model 'churn_.*'; its versions are: 1"),
    ],
)
def test_what_is_asked_wrongly_names_its_remedy(site, told, problem) -> None:
    site.log(fit(["age"]), ["age"])
    with pytest.raises(AirflowFailException, match=problem):
        run(site.promotion(**{"version": "1", **told}))


def test_a_model_that_reads_what_the_rows_lack(site) -> None:
    site.log(fit(["age"]), ["age"])
    customers(2).drop(columns="age").to_csv(site.home / "short.csv", index=False)
    with pytest.raises(AirflowFailException, match=r"models:/churn_.*/1 reads age, which the evaluation rows do not"):
        run(site.promotion(version="1", evaluation=f"{site.home}/short.csv"))


def test_a_table_that_is_not_there() -> None:
    with pytest.raises(
        ServiceUnavailableError, match="the table /nowhere/rows cannot be read as Delta, Parquet or CSV"
    ):
        read_table("/nowhere/rows")


def test_the_sensor_waits_for_one_of_both() -> None:
    for told in ({}, {"system": "flights", "model": "churn"}):
        with pytest.raises(ValueError, match="give one"):
            ModelReadySensor(task_id="wait", **told)

"""What all operators share: skips, failures without retry, asset events. No Airflow database."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pytest
from airflow.sdk import Asset
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from ai_patterns.clients.lake import Lake
from ai_patterns.core.days import Days
from ai_patterns.errors import (
    DataQualityError,
    MissingDependencyError,
    PromotionRejectedError,
    ServiceRejectedError,
    ServiceUnavailableError,
    SpecError,
)
from ai_patterns.operators.batch_processing import BuildFeaturesOperator
from ai_patterns.operators.system import SystemOperator

FLIGHTS = Path(__file__).resolve().parents[3] / "include" / "systems" / "flights"


class Outcome(SystemOperator):
    """Does what it is told."""

    def __init__(self, *, error=None, **kwargs):
        super().__init__(system=FLIGHTS, task_id="outcome", **kwargs)
        self.error = error

    def perform(self, context):
        if self.error:
            raise self.error
        days = self.days_of(context)
        self.announce(context, days, {"rows": 3})
        return str(days)


class Event(SimpleNamespace):
    """An outlet event as the task runner gives it."""

    def add_partitions(self, keys):
        self.keys = keys


@pytest.mark.parametrize(
    "error",
    [
        DataQualityError("bad"),
        PromotionRejectedError("worse"),
        ServiceRejectedError("no"),
        SpecError("wrong"),
        MissingDependencyError("feast", "features"),
    ],
)
def test_what_a_retry_cannot_heal_is_never_retried(error):
    with pytest.raises(AirflowFailException, match=type(error).__name__):
        Outcome(error=error).execute({})


def test_a_service_that_is_away_is_retried():
    with pytest.raises(ServiceUnavailableError):
        Outcome(error=ServiceUnavailableError("away", conn_id="ai_patterns_lake")).execute({})


def test_the_event_carries_the_key_and_the_summary():
    asset, event = Asset("flights/events"), Event()
    context = {"params": {"days": "2013-01-01/2013-01-07"}, "outlet_events": {asset: event}}
    assert Outcome(outlets=[asset]).execute(context) == "2013-01-01/2013-01-07"
    assert (event.keys, event.extra) == ("2013-01-01/2013-01-07", {"rows": 3})


def test_nothing_to_do_is_a_skip(tmp_path, monkeypatch):
    monkeypatch.setenv("AI_PATTERNS_HOME", str(tmp_path))
    operator = BuildFeaturesOperator(task_id="build", system=FLIGHTS, days="2013-01-01")
    with pytest.raises(AirflowSkipException, match="Nothing to do"):
        operator.execute({"params": {}})


def test_rows_of_other_days_are_nothing_to_do(tmp_path):
    operator = Outcome()
    operator.__dict__["lake"] = lake = Lake(str(tmp_path), "flights")
    day = dt.date(2013, 1, 1)
    lake.replace_days("events/arrived", pa.table({"day": pa.array([day], pa.date32()), "late": [True]}), Days(day, day))
    operator.require_rows(["events/arrived"], Days.parse("2013-01-01/2013-01-02"))
    with pytest.raises(AirflowSkipException):
        operator.require_rows(["events/arrived"], Days.parse("2013-01-02"))

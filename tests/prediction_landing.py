"""A landing of the bakery's predictions in a process of its own that kills itself at a moment of its commit."""

import os
import signal
from typing import Literal

import bakery
from ai_patterns.clients.fenced_table import FencedTable
from ai_patterns.clients.kafka import Broker
from ai_patterns.clients.lake import Lake
from ai_patterns.jobs.prediction_topic import land_predictions
from ai_patterns.spec.system import SystemSpec

Moment = Literal["before the commit", "after the commit"]
MOMENTS: tuple[Moment, ...] = ("before the commit", "after the commit")


def baking(topic: str) -> SystemSpec:
    """The bakery, whose predictions go by `topic`."""
    system = bakery.bakery()
    return system.model_copy(update={"decision": system.decision.model_copy(update={"topic": topic})})


def land_and_die(address: str, uri: str, topic: str, moment: Moment) -> None:
    """Land what waits, a batch of it, and be killed at `moment`."""
    commit = FencedTable.append

    def committing(table, rows, marks):
        if marks and moment == "before the commit":
            os.kill(os.getpid(), signal.SIGKILL)
        commit(table, rows, marks)
        if marks:
            os.kill(os.getpid(), signal.SIGKILL)

    FencedTable.append = committing
    land_predictions(baking(topic), Lake(uri, "bakery"), Broker(address))

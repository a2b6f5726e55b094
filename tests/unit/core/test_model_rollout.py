"""Who answers follows from the ledger of rollouts alone."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from ai_patterns.core.model_rollout import RolloutLine, following, newest, routing
from ai_patterns.spec.rollout import RolloutSpec

AT = dt.datetime(2024, 4, 1, tzinfo=dt.UTC)
SPEC = RolloutSpec(canary=(0.1, 0.5))
STARTED = RolloutLine(1, AT, "run", "started", 3, 2, 0, 0.0, "", {"edges": [0.5], "review": {}})


def advanced(line: RolloutLine) -> RolloutLine:
    action, step, share = following(SPEC, line)
    return replace(line, sequence=line.sequence + 1, action=action, step=step, share=share, evidence={})


def test_a_rollout_goes_from_shadow_through_every_share_to_its_end():
    history = [STARTED]
    while history[-1].action != "passed":
        history.append(advanced(history[-1]))
    assert [(line.action, line.step, line.share) for line in history] == [
        ("started", 0, 0.0), ("advanced", 1, 0.1), ("advanced", 2, 0.5), ("passed", 2, 0.5),
    ]  # fmt: skip
    assert [routing(SPEC, history[: size + 1]).share for size in range(4)] == [0.0, 0.1, 0.5, 0.5]
    assert routing(SPEC, history).sequence == 4


@pytest.mark.parametrize("action", ["promoted", "rolled_back"])
def test_after_its_end_nothing_is_routed(action):
    assert routing(SPEC, [STARTED, replace(STARTED, sequence=2, action=action)]) is None
    assert routing(SPEC, []) is None


def test_a_refusal_changes_nothing():
    refused = replace(STARTED, sequence=2, rollout="other", action="refused", version=9)
    assert newest([STARTED, refused]) == STARTED
    assert routing(SPEC, [STARTED, refused]) == routing(SPEC, [STARTED])


def test_servers_stop_by_themselves_some_time_after_the_step_could_last():
    assert routing(SPEC, [STARTED]).until == AT + SPEC.shadow.at_most + dt.timedelta(minutes=10)


def test_lines_survive_being_written():
    assert RolloutLine.from_row(STARTED.to_table().to_pylist()[0]) == STARTED

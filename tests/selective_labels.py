"""A loop in which the model chooses what gets labelled, lived by three learners on the same decisions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ai_patterns.core.exploration import assign
from ai_patterns.core.fitting import fit, fitted_on, labels
from ai_patterns.core.metrics import auc, logloss
from ai_patterns.spec.exploration import ExplorationSpec
from ai_patterns.spec.system import SystemSpec

Learner = Literal["full", "naive", "ours", "unweighted"]
LEARNERS: tuple[Learner, ...] = ("full", "naive", "ours", "unweighted")
WINDOW = 2
"""Rounds that a retraining looks back: old labels do not rescue who sees no new ones."""


@dataclass(frozen=True)
class Round:
    """One round, measured on all of its decisions.

    Attributes:
        auc: of the model that served in it.
        skill: share of the base rate's log loss that the model saves.
        labelled: share of the decisions whose label came.
    """

    auc: float
    skill: float
    labelled: float


def live(system: SystemSpec, rounds: Sequence[pa.Table], exploration: ExplorationSpec, learner: Learner) -> list[Round]:
    """Live through rounds of labelled decisions; the first one's labels all come, and no other is measured.

    Each round is scored by a model that was fitted on the last rounds' labels, as far as they came: all of them (full),
    those on the side that was acted on (naive), or in addition the explored share, weighted by the logged propensities
    (ours) or not (unweighted), without the holdout.
    """
    weighted = system.model_copy(update={"exploration": exploration if learner == "ours" else None})
    seen = [_with(rounds[0], np.ones(len(rounds[0])), np.zeros(len(rounds[0]), bool))]
    found = []
    for rows in rounds[1:]:
        model = fit(weighted, fitted_on(pa.concat_tables(seen[-WINDOW:])))
        scores, truth = model.predict(rows), labels(rows)
        came, propensity, holdout = _labelled(system, rows, exploration, scores, learner)
        seen.append(_with(rows, propensity, holdout).filter(pa.array(came)))
        base = np.full(len(truth), truth.mean())
        skill = 1 - logloss(truth, scores) / logloss(truth, base)
        found.append(Round(auc(truth, scores), skill, float(came.mean())))
    return found


def _labelled(
    system: SystemSpec, rows: pa.Table, exploration: ExplorationSpec, scores: NDArray[np.float64], learner: Learner
) -> tuple[NDArray[Any], NDArray[np.float64], NDArray[Any]]:
    """Whose label comes, how likely that was, and who is kept from training."""
    nobody, sure = np.zeros(len(rows), bool), np.ones(len(rows))
    if learner == "full":
        return ~nobody, sure, nobody
    wanted = scores >= exploration.threshold if exploration.act == "above" else scores <= exploration.threshold
    if learner == "naive":
        return wanted, sure, nobody
    keys = zip(*(rows[name].to_pylist() for name in system.decision_stream.key), strict=True)
    found = assign(exploration, keys, scores.tolist())
    return wanted | np.array(found.explored), np.array(found.propensity), np.array(found.holdout)


def _with(rows: pa.Table, propensity: NDArray[np.float64], holdout: NDArray[Any]) -> pa.Table:
    return rows.append_column("propensity", pa.array(propensity)).append_column("holdout", pa.array(holdout))

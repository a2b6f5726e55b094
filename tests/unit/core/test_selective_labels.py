"""Where the score decides whose label comes, naive retraining forgets the rest of the world; exploration does not."""

import numpy as np
import pyarrow as pa
import pytest

from ai_patterns.spec.exploration import ExplorationSpec
from ai_patterns.spec.system import SystemSpec
from selective_labels import live
from unit.jobs.pumps import PUMPS

ROUNDS, ROWS = 7, 5000
EXPLORATION = ExplorationSpec(act="below", threshold=0.15, share=0.25, holdout=0.05)
SEEDS = (1, 2)


def system() -> SystemSpec:
    model = PUMPS.model.model_copy(
        update={
            "estimator": "sklearn.ensemble.HistGradientBoostingClassifier",
            "parameters": {"max_iter": 25, "learning_rate": 0.15, "max_leaf_nodes": 8, "random_state": 7},
            "categorical": (),
            "features": {"everything": ("heat", "wear", "load")},
        }
    )
    return PUMPS.model_copy(update={"model": model})


def rounds(seed):
    """Pumps fail by heat and wear; what heat does turns round slowly, as it does where the world changes."""
    random = np.random.default_rng(seed)
    for number in range(ROUNDS):
        heat, wear, load = random.normal(size=(3, ROWS))
        turn = np.cos(np.pi * number / (ROUNDS - 1))
        risk = 1 / (1 + np.exp(-(-1.2 + 1.6 * turn * heat + 1.2 * wear + 0.8 * load * (wear > 0))))
        yield pa.table(
            {
                "visit": [f"{number}-{row}" for row in range(ROWS)],
                "heat": heat,
                "wear": wear,
                "load": load,
                "label": (random.random(ROWS) < risk).astype(float),
            }
        )


@pytest.fixture(scope="module")
def skills():
    """Mean skill over the rounds from the third on, by learner, one entry a seed."""
    lived = {seed: list(rounds(seed)) for seed in SEEDS}

    def skill(learner, seed):
        return np.mean([found.skill for found in live(system(), lived[seed], EXPLORATION, learner)[2:]])

    return {learner: np.array([skill(learner, seed) for seed in SEEDS]) for learner in ("full", "naive", "ours")}


def test_naive_retraining_degrades_and_ours_keeps_nine_tenths(skills):
    kept, naive = skills["ours"] / skills["full"], skills["naive"] / skills["full"]
    assert skills["full"].min() > 0.1
    assert kept.min() >= 0.85
    assert kept.mean() >= 0.9
    assert naive.max() <= 0.8

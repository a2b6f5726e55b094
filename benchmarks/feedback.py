"""Selective labels on the year of flights: the model itself chooses whose outcome will ever be seen.

A flight is acted on (sold as a connection) where its score says that it will be on time, and only then is it learnt
whether it was late. Each month a model is fitted on the labels of the last two months as far as they came; January's
all came. Four learners live through the same flights, drawn anew for each seed: with all labels, with those of the
score's own choice, and with an explored share, weighted and not. Measured on all flights of a month. Writes
`.run/bench/feedback.json`.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import logging
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "plugins"), str(ROOT / "tests")]

import numpy as np  # noqa: E402
import pyarrow as pa  # noqa: E402
import pyarrow.compute as pc  # noqa: E402
from scipy.stats import t  # noqa: E402

from ai_patterns.clients.lake import Lake  # noqa: E402
from ai_patterns.core.days import Days  # noqa: E402
from ai_patterns.jobs.preparation import prepare_training_set  # noqa: E402
from ai_patterns.jobs.training_set import TABLE, read_training_set  # noqa: E402
from ai_patterns.spec.exploration import ExplorationSpec  # noqa: E402
from ai_patterns.spec.loading import load_system  # noqa: E402
from ai_patterns.spec.system import SystemSpec  # noqa: E402
from selective_labels import LEARNERS, WINDOW, Learner, live  # noqa: E402

OUTPUT = Path(".run/bench/feedback.json")
EXPLORATION = ExplorationSpec(act="below", threshold=0.15, share=0.3, holdout=0.05)
ROWS = 12_000
GOAL = 0.9


def main() -> None:
    """Live through the year with each learner and seed, and print the shares of the full labels' skill."""
    options = _arguments()
    exploration = EXPLORATION.model_copy(update={"share": options.share})
    logging.disable(logging.INFO)
    system, months = _flights()
    found: dict[Learner, list[dict[str, float]]] = {learner: [] for learner in LEARNERS}
    for seed in range(options.seeds):
        draw = np.random.default_rng(seed)
        rounds = [rows.take(np.sort(draw.choice(len(rows), options.rows, replace=False))) for rows in months]
        salted = exploration.model_copy(update={"salt": str(seed)})
        for learner in LEARNERS:
            found[learner].append(_mean(live(system, rounds, salted, learner)[WINDOW:]))
        print(seed, {learner: round(each[-1]["skill"], 4) for learner, each in found.items()}, flush=True)
    figures = {
        "exploration": exploration.model_dump(), "rows a month": options.rows, "seeds": options.seeds,
        "learners": {learner: _summary(each, found["full"]) for learner, each in found.items()},
    }  # fmt: skip
    figures["met"] = figures["learners"]["ours"]["share"][1] >= GOAL
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(figures, indent=2) + "\n", "utf-8")
    print(json.dumps(figures, indent=2))


def _flights() -> tuple[SystemSpec, list[pa.Table]]:
    """The system with a smaller model, and its labelled decisions by month."""
    system = load_system(ROOT / "include" / "systems" / "flights")
    lake = Lake(str(ROOT / ".run" / "evaluate"), system.name)
    if not lake.exists(TABLE):
        prepare_training_set(system, lake)
    days = Days(system.start, dt.date(2013, 12, 30))
    rows = read_training_set(system, lake, days, labels_before=dt.datetime(2014, 2, 1, tzinfo=dt.UTC))
    rows = rows.filter(pc.is_valid(rows["label"])).combine_chunks()
    smaller = {**system.model.parameters, "max_iter": 60, "learning_rate": 0.08, "max_leaf_nodes": 15}
    model = system.model.model_copy(update={"parameters": smaller})
    month = pc.month(rows["day"])
    parts = [rows.filter(pc.equal(month, number)) for number in range(1, 13)]
    return system.model_copy(update={"model": model}), parts


def _mean(rounds: list[Any]) -> dict[str, float]:
    names = ("auc", "skill", "labelled")
    return {name: float(np.mean([getattr(item, name) for item in rounds])) for name in names}


def _summary(lived: list[dict[str, float]], full: list[dict[str, float]]) -> dict[str, Any]:
    """Means over the seeds, and the share of the full labels' skill: low, mean and high of its 95% interval."""
    shares = np.array([one["skill"] / other["skill"] for one, other in zip(lived, full, strict=True)])
    half = t.ppf(0.975, len(shares) - 1) * shares.std(ddof=1) / np.sqrt(len(shares))
    means = {name: float(np.mean([each[name] for each in lived])) for name in lived[0]}
    return {**means, "share": [float(shares.mean() - half), float(shares.mean()), float(shares.mean() + half)]}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--rows", type=int, default=ROWS, help="flights a month, of some 27,000")
    parser.add_argument("--share", type=float, default=EXPLORATION.share, help="explored share")
    return parser.parse_args()


if __name__ == "__main__":
    main()

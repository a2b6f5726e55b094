"""Retraining over the year of flights: never, each week, and when the triggers ask for it.

Each Monday from April on, a model is fitted as a training on that day would fit it; what it replaces serves no longer,
with no gate between, for each policy alike. The triggers are chosen on the first half of the weeks by the share of
weekly retraining's gain that they keep, with at most half of the budget; then the whole year is lived through the lake
with them: labels are joined, the champion is measured and the decision is taken by the product's own jobs. All policies
are measured on the same rows. Writes `.run/bench/retraining.json`.
"""

from __future__ import annotations

import datetime as dt
import itertools
import json
import logging
import shutil
import sys
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "plugins")]

import numpy as np  # noqa: E402
import pyarrow as pa  # noqa: E402
import pyarrow.compute as pc  # noqa: E402
from numpy.typing import NDArray  # noqa: E402

from ai_patterns.clients.lake import Lake  # noqa: E402
from ai_patterns.core.days import Days  # noqa: E402
from ai_patterns.core.fitting import fit, labels, split_rows  # noqa: E402
from ai_patterns.core.metrics import auc, brier, logloss, measure  # noqa: E402
from ai_patterns.core.prediction_schema import prediction_schema  # noqa: E402
from ai_patterns.core.predictions import PARTITIONS, features_json  # noqa: E402
from ai_patterns.core.retraining import Champion, decide  # noqa: E402
from ai_patterns.core.retraining_evidence import Evidence  # noqa: E402
from ai_patterns.jobs.feedback import join_labels, measure_performance  # noqa: E402
from ai_patterns.jobs.preparation import prepare_training_set  # noqa: E402
from ai_patterns.jobs.retraining import decide_retraining  # noqa: E402
from ai_patterns.jobs.training_set import TABLE, read_training_set  # noqa: E402
from ai_patterns.spec.loading import load_system  # noqa: E402
from ai_patterns.spec.model import FeedbackSpec  # noqa: E402
from ai_patterns.spec.system import SystemSpec  # noqa: E402

OUTPUT, FOLDER = Path(".run/bench/retraining.json"), Path(".run/bench/retraining")
MONDAYS = [dt.datetime(2013, 4, 1, tzinfo=dt.UTC) + dt.timedelta(weeks=week) for week in range(40)]
HALF = len(MONDAYS) // 2
BUDGET = 10
BASE = {"metric": "logloss", "max_age": "365d", "cooldown": "6d", "budget": BUDGET, "min_labels": 500}
GROWTHS = (0.12, 0.13, 0.14, 0.15, 0.16, 0.17, 0.18, 0.2, 0.25, 0.3)
LOSSES = (0.03, 0.05, 0.08, 1.0)
"""The last one never asks."""
PATIENCE = (1, 2)
RESAMPLES = 1000
GOAL = 0.8
FIGURES = {"auc": auc, "brier": brier, "logloss": logloss}

Policy = list[int]
"""For each week the Monday whose model serves."""


@dataclass(frozen=True, eq=False)
class Year:
    """The labelled decisions of the year with the predictions of each Monday's model for all weeks after it."""

    system: SystemSpec
    rows: pa.Table

    @cached_property
    def truth(self) -> NDArray[np.float64]:
        """The labels."""
        return labels(self.rows)

    @cached_property
    def weeks(self) -> list[slice]:
        """The rows of each week."""
        decided = self.rows["decided_at"].to_numpy()
        starts = [int(np.searchsorted(decided, np.datetime64(at.replace(tzinfo=None)))) for at in MONDAYS]
        return [slice(start, end) for start, end in itertools.pairwise([*starts, len(decided)])]

    @cache  # noqa: B019 - one year is made, and lives as long as the process
    def model(self, monday: int) -> tuple[NDArray[np.float64], dict[str, float]]:
        """Predictions for the rows from that Monday on, and the metrics at its training; kept on disk."""
        path = FOLDER / f"{MONDAYS[monday]:%Y%m%d}.npz"
        if not path.exists():
            at = pa.scalar(MONDAYS[monday], self.rows["decided_at"].type)
            known = pc.and_(pc.less(self.rows["decided_at"], at), pc.less(self.rows["label_known_at"], at))
            split = split_rows(self.system, self.rows.filter(known))
            fitted = fit(self.system, split.fit)
            metrics = measure("classification", labels(split.evaluation), fitted.predict(split.evaluation))
            later = fitted.predict(self.rows.slice(self.weeks[monday].start))
            FOLDER.mkdir(parents=True, exist_ok=True)
            np.savez(path, pred=later, metrics=json.dumps(metrics))
            print(f"{MONDAYS[monday]:%Y-%m-%d}: fitted on {split.fit.num_rows} rows", flush=True)
        found = np.load(path)
        return found["pred"], json.loads(str(found["metrics"]))

    def predict(self, monday: int, week: int) -> NDArray[np.float64]:
        """What the Monday's model says of a week."""
        first, part = self.weeks[monday].start, self.weeks[week]
        return self.model(monday)[0][part.start - first : part.stop - first]

    @cache  # noqa: B019 - as above
    def loss(self, monday: int, week: int) -> float:
        """Log loss of a Monday's model in a week."""
        return logloss(self.truth[self.weeks[week]], self.predict(monday, week))

    def live(self, policy: Policy) -> NDArray[np.float64]:
        """What a policy predicts, week by week."""
        return np.concatenate([self.predict(monday, week) for week, monday in enumerate(policy)])


def main() -> None:
    """Fit, choose, live and print."""
    logging.disable(logging.INFO)
    system = load_system(ROOT / "include" / "systems" / "flights")
    lake = Lake(str(ROOT / ".run" / "evaluate"), system.name)
    if not lake.exists(TABLE):
        prepare_training_set(system, lake)
    days = Days(system.start, dt.date(2013, 12, 30))  # the last one with weather
    rows = read_training_set(system, lake, days, labels_before=dt.datetime(2014, 2, 1, tzinfo=dt.UTC))
    year = Year(system, rows.filter(pc.is_valid(rows["label"])))
    chosen = choose(year)
    policy, decisions = live_through_lake(year, lake, chosen)
    found = {
        "weeks": len(MONDAYS), "rows": int(year.weeks[-1].stop - year.weeks[0].start),
        "chosen": chosen.model_dump(include={"metric", "max_growth", "max_loss", "patience", "budget"}),
        "retrainings": [reason for retrain, reason in decisions if retrain],
        "year": compare(year, policy, 0, len(MONDAYS)), "first half": compare(year, policy, 0, HALF),
        "second half": compare(year, policy, HALF, len(MONDAYS)),
        "in this grid": sweep(year),
    }  # fmt: skip
    found["met"] = len(found["retrainings"]) <= BUDGET and all(found["year"][name]["share"] >= GOAL for name in FIGURES)
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(found, indent=2) + "\n", "utf-8")
    print(json.dumps(found, indent=2))


def grid() -> list[FeedbackSpec]:
    """The settings that are tried."""
    tried = itertools.product(GROWTHS, LOSSES, PATIENCE)
    return [
        FeedbackSpec.model_validate({**BASE, "max_growth": growth, "max_loss": loss, "patience": patience})
        for growth, loss, patience in tried
    ]


def choose(year: Year) -> FeedbackSpec:
    """The setting that keeps most of weekly retraining's gain in the first half with half of the budget."""
    lived = [(spec, simulate(year, spec, HALF)) for spec in grid()]
    fitting = [(spec, policy) for spec, policy in lived if len(set(policy)) - 1 <= BUDGET // 2]
    return max(fitting, key=lambda item: (share(year, item[1], 0, HALF), -len(set(item[1]))))[0]


def sweep(year: Year) -> dict[str, Any]:
    """How the whole grid fares over the year: whether the result hangs on the choice."""
    lived = [simulate(year, spec, len(MONDAYS)) for spec in grid()]
    shares = [share(year, policy, 0, len(MONDAYS)) for policy in lived]
    return {"settings": len(shares), "kept at least 80%": sum(value >= GOAL for value in shares), "least": min(shares)}


def simulate(year: Year, spec: FeedbackSpec, weeks: int) -> Policy:
    """The policy that `core.retraining.decide` makes of the settings, on measures in memory."""
    known = np.sort(year.rows["label_known_at"].to_numpy())
    counts = [int(np.searchsorted(known, np.datetime64(at.replace(tzinfo=None)))) for at in MONDAYS]
    policy, retrained = [0], []
    for week in range(1, weeks):
        champion = policy[-1]
        measures = [(MONDAYS[past + 1], year.loss(champion, past)) for past in range(champion, week)]
        evidence = Evidence(
            MONDAYS[week], champion, MONDAYS[champion], tuple(retrained), year.model(champion)[1]["logloss"],
            measures[-1][1], counts[week] - counts[week - 1], tuple(measures[:-1]),
            counts[week] - counts[champion], counts[champion],
        )  # fmt: skip
        if decide(spec, evidence).retrain:
            retrained.append(MONDAYS[week])
            champion = week
        policy.append(champion)
    return policy


def live_through_lake(year: Year, source: Lake, spec: FeedbackSpec) -> tuple[Policy, list[tuple[bool, str]]]:
    """The same by the product's jobs: predictions logged, labels joined, the champion measured, the decision taken."""
    lake = Lake(str(FOLDER / "lake"), year.system.name)
    shutil.rmtree(lake.path(""), ignore_errors=True)
    shutil.copytree(source.path("events/arrived"), lake.path("events/arrived"))
    system = year.system.model_copy(update={"feedback": spec})
    policy, decisions = [0], []
    for week in range(1, len(MONDAYS)):
        champion, now = policy[-1], MONDAYS[week]
        past = Days((now - dt.timedelta(weeks=1)).date(), (now - dt.timedelta(days=1)).date())
        lake.append("predictions", _logged(year, champion, week - 1), PARTITIONS)
        join_labels(system, lake, now)
        measure_performance(system, lake, past, now)
        serving = Champion(champion, MONDAYS[champion], year.model(champion)[1])
        decision = decide_retraining(system, lake, now, serving)
        decisions.append((decision.retrain, f"{now:%Y-%m-%d} {decision.reason}"))
        policy.append(week if decision.retrain else champion)
    return policy, decisions


def _logged(year: Year, champion: int, week: int) -> pa.Table:
    part = year.weeks[week]
    rows = year.rows.slice(part.start, part.stop - part.start)
    schema = prediction_schema(year.system)
    slices = rows.select(list(year.system.model.slices)).to_pylist()
    columns: dict[str, Any] = {
        "prediction_id": [f"{champion}-{name}" for name in rows["flight_id"].to_pylist()],
        "flight_id": rows["flight_id"], "decided_at": rows["decided_at"], "served_at": rows["decided_at"],
        "features": [features_json(row) for row in slices], "score": year.predict(champion, week),
        "model_version": [champion] * len(rows), "degraded": [[]] * len(rows), "mode": ["online"] * len(rows),
        "day": rows["day"],
    }  # fmt: skip
    return pa.table({name: columns.get(name, [None] * len(rows)) for name in schema.names}, schema=schema)


def share(year: Year, policy: Policy, first: int, end: int) -> float:
    """Share of weekly retraining's gain in log loss over never retraining."""
    sizes = [part.stop - part.start for part in year.weeks[first:end]]
    never, weekly, ours = (
        sum(size * year.loss(serving[week], week) for week, size in enumerate(sizes, first))
        for serving in ([0] * end, list(range(end)), policy)
    )
    return float((never - ours) / (never - weekly))


def compare(year: Year, policy: Policy, first: int, end: int) -> dict[str, Any]:
    """Each metric of the three policies on the same rows, and the share of the gain, with its 95% interval by day."""
    offset = year.weeks[0].start
    part = slice(year.weeks[first].start, year.weeks[end - 1].stop)
    truth, lived = year.truth[part], slice(part.start - offset, part.stop - offset)
    served = [year.live(serving)[lived] for serving in ([0] * len(MONDAYS), list(range(len(MONDAYS))), policy)]
    days = np.unique(year.rows["day"].to_numpy()[part], return_inverse=True)[1]
    found: dict[str, Any] = {"retrainings": len(set(policy[first:end]) - {policy[max(first - 1, 0)]})}
    for name, metric in FIGURES.items():
        never, weekly, ours = (metric(truth, scores) for scores in served)
        found[name] = {"never": never, "weekly": weekly, "triggered": ours, "share": (ours - never) / (weekly - never)}
        if name != "auc":
            found[name]["interval"] = _interval(name, truth, served, days)
    return found


def _interval(
    name: str, truth: NDArray[np.float64], served: list[NDArray[np.float64]], days: NDArray[Any]
) -> list[float]:
    def by_day(scores: NDArray[np.float64]) -> NDArray[np.float64]:
        kept = np.clip(scores, 1e-7, 1 - 1e-7)
        losses = (kept - truth) ** 2 if name == "brier" else -np.where(truth > 0, np.log(kept), np.log1p(-kept))
        return np.bincount(days, losses)

    never, weekly, ours = (by_day(scores) for scores in served)
    drawn = np.random.default_rng(0).integers(0, len(never), (RESAMPLES, len(never)))
    shares = (never - ours)[drawn].sum(axis=1) / (never - weekly)[drawn].sum(axis=1)
    return [float(value) for value in np.quantile(shares, (0.025, 0.975))]


if __name__ == "__main__":
    main()

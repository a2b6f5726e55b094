"""The demo's story: three months of flights in, then a life through April week by week.

Every step is a DAG run asked for over REST, or one that an asset woke. Predictions are asked for over HTTP at the
end of each week, when the online store holds the features of that instant.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path

from ai_patterns.clients.lake import Lake
from ai_patterns.core.days import Days
from ai_patterns.jobs.training_set import read_decisions
from ai_patterns.spec.system import SystemSpec
from demo.faults import broken_humidity
from demo.journal import Journal
from demo.service import predict

STEPS = [
    "data_pipeline", "batch_processing", "feature_store", "model_training", "model_promotion", "batch_scoring",
    "model_as_a_service", "feedback_loop", "monitoring", "stream_processing", "lambda_architecture",
]  # fmt: skip
HISTORY = "2012-12-31/2013-03-31"
TRAINING = "2013-01-01/2013-03-31"
TOO_SHORT = "2013-01-01/2013-01-18"
WEEKS = ("2013-04-01/2013-04-07", "2013-04-08/2013-04-14", "2013-04-15/2013-04-21", "2013-04-22/2013-04-28")
FAULTY_WEEK = WEEKS[2]
LIVE_HOURS = dt.timedelta(hours=2)


class Story:
    """The steps, in order.

    Args:
        journal: runs the DAGs.
        system: the flights system.
        lake: its lake, to know which flights are due.
        folder: where the broken sensor's file is written.
    """

    def __init__(self, journal: Journal, system: SystemSpec, lake: Lake, folder: Path) -> None:
        self._journal, self._system, self._lake, self._folder = journal, system, lake, folder
        self.served: list[dict[str, object]] = []
        self.caught: dict[str, str] = {}

    def load_history(self) -> None:
        """January to March in one run; assets wake the features after it."""
        self._load(HISTORY)

    def train_first_champion(self) -> None:
        """Train on the three months; the new model's asset wakes its promotion."""
        self._journal.run("model_training", TRAINING)
        self._journal.follow("model_promotion", TRAINING)

    def check_service(self, url: str) -> None:
        """A DAG waits for the service and tries it; then the first flights of April are asked for."""
        self._journal.run("model_as_a_service", TRAINING)
        self._predict(url, HISTORY)

    def live_through(self, week: str, url: str) -> None:
        """New data, predictions, labels, the decision on retraining and the checks of one week."""
        if week == FAULTY_WEEK:
            self._break_the_sensor(week)
        self._load(week)
        self._predict(url, week)
        self._journal.run("batch_scoring", week)
        checks = self._journal.start("monitoring", week)
        self._decide(week)
        self._journal.finish("monitoring", checks, week)

    def refuse_bad_challenger(self) -> None:
        """A challenger that saw four days of data asks for the champion's place."""
        self._journal.run("model_training", TOO_SHORT)
        self._journal.follow("model_promotion", TOO_SHORT, expect="failed")

    def roll_back(self) -> None:
        """Back to the champion before, by one run."""
        reason = "the demo shows a rollback"
        self._journal.run("model_promotion", WEEKS[-1], action="rollback", reason=reason)

    def _load(self, days: str) -> None:
        self._journal.run("data_pipeline", days)
        self._journal.follow("batch_processing", days)
        self._journal.follow("feature_store", days)

    def _break_the_sensor(self, week: str) -> None:
        """The weather feed comes with broken values; the gate must stop it, and the next run repairs the week."""
        file = broken_humidity(self._folder, Days.parse(week))
        run = self._journal.run("data_pipeline", week, expect="failed", overrides={"weather": str(file)})
        failed = [task for task, state in self._journal.runs[-1]["tasks"].items() if state == "failed"]
        self.caught = {
            "fault": f"humidity of 250 % from every station in {week}",
            "caught_by": ", ".join(failed),
            "run": run,
        }

    def _predict(self, url: str, days: str) -> None:
        """Ask for the flights that are due for a decision in the hours after `days`."""
        start = Days.parse(days).end
        decisions = read_decisions(self._system, self._lake, Days(start.date(), start.date())).to_pylist()
        due = [row for row in decisions if row["decided_at"] < start + LIVE_HOURS]
        decided = [row.pop("decided_at").isoformat() for row in due]
        rows = plain_rows(due)
        answer = predict(url, rows, decided)
        self.served.append({"after": days, "predictions": len(rows), "model_version": answer["model_version"]})
        print(f"{len(rows)} predictions over HTTP by version {answer['model_version']}", flush=True)

    def _decide(self, week: str) -> None:
        run = self._journal.run("feedback_loop", week)
        decision = self._journal.result("feedback_loop", run, "decide_retraining", "decision")
        print(f"retrain: {decision['retrain']}. {decision['reason']}", flush=True)
        if decision["retrain"]:
            self._journal.follow("model_training", decision["days"])
            self._journal.follow("model_promotion", decision["days"], expect=None)


def plain_rows(rows: Sequence[Mapping[str, object]]) -> list[dict[str, object]]:
    """Rows as JSON has them: instants as text."""
    return [
        {name: value.isoformat() if isinstance(value, dt.datetime) else value for name, value in row.items()}
        for row in rows
    ]

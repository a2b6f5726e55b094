"""Labels land, performance is measured, a retraining is decided on: on a real lake."""

import datetime as dt
import json

import pytest

from ai_patterns.clients.lake import Lake
from ai_patterns.core.days import Days
from ai_patterns.core.retraining import Champion
from ai_patterns.jobs.checks import CheckRow, record_checks
from ai_patterns.jobs.feedback import join_labels, measure_performance
from ai_patterns.jobs.retraining import decide_retraining
from unit.jobs.pumps import DAY, HOUR, PUMPS, START, outcomes, predictions

FIRST = Days.parse("2024-01-01")
WEEK = Days.parse("2024-01-01/2024-01-07")


@pytest.fixture
def lake(tmp_path):
    return Lake(str(tmp_path), "pumps")


def publish(lake, table, rows):
    days = rows["day"].to_pylist()
    partitions = ("day", "mode") if table == "predictions" else ("day",)
    lake.replace_days(table, rows, Days(min(days), max(days)), partition_by=partitions)


def labels_of(lake):
    return sorted((row["visit"], row["label"], row["day"].day) for row in lake.read("labels").to_pylist())


def overall(rows, version=None):
    return next(row for row in rows if row["slice"] == "all" and row["model_version"] == version)


class TestLabels:
    def test_only_what_was_known_before_the_instant(self, lake):
        publish(lake, "events/outcome", outcomes(("a", True, 1), ("b", False, 5), ("c", True, 30), ("d", None, 1)))
        assert join_labels(PUMPS, lake, START + 5 * HOUR) == 1
        assert join_labels(PUMPS, lake, START + 2 * DAY) == 3
        assert labels_of(lake) == [("a", 1.0, 1), ("b", 0.0, 1), ("c", 1.0, 2)]

    def test_a_second_run_changes_nothing(self, lake):
        publish(lake, "events/outcome", outcomes(("a", True, 1), ("c", True, 30)))
        join_labels(PUMPS, lake, START + 2 * DAY)
        before = lake.read("labels")
        join_labels(PUMPS, lake, START + 2 * DAY)
        assert lake.read("labels").sort_by("visit").equals(before.sort_by("visit"))

    def test_an_earlier_instant_leaves_later_days_alone(self, lake):
        publish(lake, "events/outcome", outcomes(("a", True, 1), ("c", True, 30)))
        join_labels(PUMPS, lake, START + 2 * DAY)
        join_labels(PUMPS, lake, START + 3 * HOUR)
        assert len(labels_of(lake)) == 2

    def test_a_correction_on_the_same_day_wins_and_one_on_a_later_day_stands_beside(self, lake):
        publish(lake, "events/outcome", outcomes(("a", True, 1), ("a", False, 2), ("a", True, 30)))
        join_labels(PUMPS, lake, START + 2 * DAY)
        assert labels_of(lake) == [("a", 0.0, 1), ("a", 1.0, 2)]

    def test_a_corrected_partition_corrects_the_labels(self, lake):
        publish(lake, "events/outcome", outcomes(("a", True, 1)))
        join_labels(PUMPS, lake, START + 2 * DAY)
        publish(lake, "events/outcome", outcomes(("b", True, 1)))
        join_labels(PUMPS, lake, START + 2 * DAY)
        assert labels_of(lake) == [("b", 1.0, 1)]


class TestPerformance:
    @pytest.fixture
    def served(self, lake):
        publish(
            lake,
            "predictions",
            predictions(("a", 0.9, 0, "north"), ("b", 0.2, 1, "south"), ("c", 0.8, 2, "north"), ("d", 0.4, 3, "south")),
        )
        publish(lake, "events/outcome", outcomes(("a", True, 4), ("b", False, 4), ("x", True, 4), ("c", False, 40)))
        join_labels(PUMPS, lake, START + 9 * DAY)
        return lake

    def test_immature_is_not_negative(self, served):
        row = overall(measure_performance(PUMPS, served, FIRST, START + DAY))
        assert (row["rows"], row["waiting"], row["unlabelled"]) == (2, 2, 0)
        assert row["brier"] == pytest.approx((0.1**2 + 0.2**2) / 2)
        assert row["mean_label"] == 0.5

    def test_a_mature_decision_without_a_label_is_counted_and_not_negative_either(self, served):
        row = overall(measure_performance(PUMPS, served, FIRST, START + 9 * DAY))
        assert (row["rows"], row["waiting"], row["unlabelled"]) == (3, 0, 1)
        assert row["brier"] == pytest.approx((0.1**2 + 0.2**2 + 0.8**2) / 3)

    def test_a_correction_changes_the_measure_from_its_instant_on(self, served):
        publish(served, "events/outcome", outcomes(("a", True, 4), ("b", False, 4), ("a", False, 40)))
        join_labels(PUMPS, served, START + 9 * DAY)
        assert overall(measure_performance(PUMPS, served, FIRST, START + DAY))["mean_label"] == 0.5
        assert overall(measure_performance(PUMPS, served, FIRST, START + 9 * DAY))["mean_label"] == 0.0

    def test_slices_and_versions(self, served):
        served.replace_days(
            "predictions",
            predictions(("a", 0.5, 0, "north"), version=2, mode="batch"),
            FIRST,
            partition_by=("day", "mode"),
            where="mode = 'batch'",
        )
        rows = measure_performance(PUMPS, served, FIRST, START + 9 * DAY)
        assert [(row["model_version"], row["slice"]) for row in rows] == [
            (None, "all"), (1, "all"), (2, "all"), (None, "site=north"), (None, "site=south"),
        ]  # fmt: skip
        assert overall(rows)["rows"] == 3  # the online prediction was acted on, not the batch one
        assert overall(rows, 2)["brier"] == pytest.approx(0.25)
        assert overall(rows, 2)["auc"] is None  # one class only

    def test_measuring_again_replaces(self, served):
        measure_performance(PUMPS, served, FIRST, START + DAY)
        rows = measure_performance(PUMPS, served, FIRST, START + 9 * DAY)
        stored = served.read("performance")
        assert len(stored) == len(rows)
        assert max(stored["rows"].to_pylist()) == 3

    def test_without_predictions_or_labels_nothing_is_made_up(self, lake):
        assert measure_performance(PUMPS, lake, FIRST, START + DAY) == []
        publish(lake, "events/outcome", outcomes(("a", True, 4)))
        publish(lake, "predictions", predictions(("a", 0.9, 0, "north")))
        assert measure_performance(PUMPS, lake, Days.parse("2024-02-01"), START + DAY) == []
        row = overall(measure_performance(PUMPS, lake, FIRST, START + DAY))
        assert (row["rows"], row["waiting"], row["brier"]) == (0, 1, None)


class TestDecision:
    NOW = START + 10 * DAY

    @pytest.fixture
    def worse(self, lake):
        visits = [f"v{number}" for number in range(6)]
        publish(lake, "predictions", predictions(*[(visit, 0.9, 1, "north") for visit in visits]))
        publish(lake, "events/outcome", outcomes(*[(visit, False, 5) for visit in visits]))
        join_labels(PUMPS, lake, self.NOW)
        measure_performance(PUMPS, lake, WEEK, self.NOW)
        return lake

    def champion(self, brier=0.1, since=START):
        return Champion(1, since, {"brier": brier})

    def test_a_worse_champion_is_retrained_once(self, worse):
        decision = decide_retraining(PUMPS, worse, self.NOW, self.champion())
        assert decision.retrain
        assert "brier is 0.8100, worse than 0.1000" in decision.reason
        assert decide_retraining(PUMPS, worse, self.NOW, self.champion()).reason == decision.reason
        (stored,) = worse.read("retrainings").to_pylist()
        assert (stored["decided_at"], stored["retrain"], stored["champion"]) == (self.NOW, True, 1)
        assert json.loads(stored["evidence"])["measured"] == 6

    def test_cooldown_then_again_then_the_budget_ends(self, worse):
        said = [
            decide_retraining(PUMPS, worse, self.NOW + days * DAY, self.champion()).reason for days in (0, 5, 6, 13)
        ]
        assert [reason.startswith("Retrain") for reason in said] == [True, False, True, False]
        assert "cooldown 6d" in said[1]
        assert "budget is spent: 2 of 2" in said[3]

    def test_a_good_champion_stays(self, worse):
        decision = decide_retraining(PUMPS, worse, self.NOW, self.champion(brier=0.80))
        assert not decision.retrain
        assert "within 0.05" in decision.reason

    def test_the_measure_of_another_version_is_not_held_against_it(self, worse):
        decision = decide_retraining(PUMPS, worse, self.NOW, Champion(2, START, {"brier": 0.1}))
        assert "not measured yet" in decision.reason

    def test_old_but_nothing_new_to_learn_from(self, worse):
        since = START + DAY
        decision = decide_retraining(PUMPS, worse, since + 40 * DAY, self.champion(0.8, since))
        assert "only 0 labels became known" in decision.reason

    def test_an_empty_lake_gets_a_reason_too(self, lake):
        decision = decide_retraining(PUMPS, lake, self.NOW, None)
        assert not decision.retrain
        assert "no champion" in decision.reason
        assert lake.read("retrainings").num_rows == 1

    def test_now_may_be_in_any_zone(self, worse):
        zone = dt.timezone(dt.timedelta(hours=2))
        decide_retraining(PUMPS, worse, self.NOW, self.champion())
        decide_retraining(PUMPS, worse, self.NOW.astimezone(zone), self.champion())
        assert worse.read("retrainings").num_rows == 1

    def test_causes_and_brake_are_columns_of_the_record(self, worse):
        for days in (0, 5):
            decide_retraining(PUMPS, worse, self.NOW + days * DAY, self.champion())
        first, second = sorted(worse.read("retrainings").to_pylist(), key=lambda row: row["decided_at"])
        assert (len(first["causes"]), first["held_by"]) == (1, None)
        assert second["causes"] == first["causes"]
        assert second["held_by"].startswith("the last retraining was 5.0 days ago")

    def test_a_record_from_before_the_columns_is_read_and_widened(self, worse):
        decide_retraining(PUMPS, worse, self.NOW, self.champion())
        old = worse.read("retrainings").drop_columns(["causes", "held_by"])
        worse.replace("retrainings", old)
        assert decide_retraining(PUMPS, worse, self.NOW, self.champion()).causes == ()
        decide_retraining(PUMPS, worse, self.NOW + DAY, self.champion())
        assert worse.read("retrainings")["causes"].null_count == 1

    def test_volume_and_drift_are_read_from_the_lake(self, worse):
        feedback = PUMPS.feedback.model_copy(update={"max_growth": 0.5, "max_drifted": 0})
        eager = PUMPS.model_copy(update={"feedback": feedback})
        day = self.NOW.date()
        alarms = [CheckRow(day, "drift/psi", name, 0.5, 0.2, name == "calm") for name in ("calm", "pressure")]
        record_checks(worse, alarms, family="drift", days=Days(day, day))
        decision = decide_retraining(eager, worse, self.NOW, self.champion(brier=0.8))
        assert [cause.partition(":")[0] for cause in decision.causes] == [
            "6 labels became known since the promotion, more than 50% of the 0 before",
            "more than 0 features are in drift alarm",
        ]
        assert decision.evidence["drifted"] == ("pressure",)

    def test_what_was_measured_before_the_promotion_is_not_held_against_the_champion(self, worse):
        late = self.champion(since=START + 9 * DAY)
        assert "not measured yet" in decide_retraining(PUMPS, worse, self.NOW, late).reason

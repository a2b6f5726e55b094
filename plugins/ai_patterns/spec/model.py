"""The decision, its label, the model, its gates and the feedback loop."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from ai_patterns.spec.base import Name, Part, Title, Topic, refuse
from ai_patterns.spec.durations import Duration

Metric = Literal["auc", "brier", "ece", "logloss", "rmse", "mae", "r2"]
Task = Literal["classification", "regression"]
OF_TASK: Mapping[Task, tuple[Metric, ...]] = {
    "classification": ("auc", "brier", "ece", "logloss"),
    "regression": ("rmse", "mae", "r2"),
}
"""What can be measured of a model."""

HIGHER_IS_BETTER = frozenset({"auc", "r2"})


class LabelSpec(Part):
    """What turned out to be true.

    Attributes:
        stream: the stream that brings the label; it shares the decision stream's key.
        column: its column that holds the truth: boolean or 0/1 for classification, a number for regression.
        maturity: how long after the decision a missing label is only "not yet known".
        attribution: an outcome that happened later than this after the decision is not put down to it.
        absent: the label of a mature decision for which none came, such as 0 where only events are reported; then a
            decision counts only once it is mature, or events would count before their absence can. Without it such
            a decision counts nowhere.
    """

    stream: Name
    column: Name
    maturity: Duration
    attribution: Duration | None = None
    absent: float | None = None

    @model_validator(mode="after")
    def _matures_after_attribution(self) -> Self:
        if self.attribution is not None and self.attribution > self.maturity:
            raise refuse("a label may come until the attribution window ends; maturity must reach that end", "maturity")
        return self


class DecisionSpec(Part):
    """When a prediction is made, and about what.

    Attributes:
        stream: each event of it is one decision.
        lead: how long before the event's time the prediction is made.
        inputs: columns of the stream that a request carries.
        topic: the Kafka topic that takes the inference service's predictions, where it is told a broker, until they are
            landed in the lake; without either it writes them to the lake itself. A shadow's go to `<topic>.shadow`.
    """

    stream: Name
    lead: Duration = timedelta(0)
    inputs: tuple[Name, ...] = Field(min_length=1)
    label: LabelSpec
    topic: Topic | None = None


class ModelSpec(Part):
    """How a model is trained.

    Attributes:
        estimator: import path of a scikit-learn estimator.
        categorical: features that hold strings; they become ordinal codes in the order of the label's mean.
        features: families of feature columns, in the order in which the evaluation ladder adds them.
        evaluation: the newest part of the training period, kept for evaluation.
    """

    task: Task = "classification"
    estimator: str
    parameters: dict[str, Any] = Field(default_factory=dict)
    categorical: tuple[str, ...] = ()
    features: dict[Title, tuple[str, ...]] = Field(min_length=1)
    evaluation: Duration = timedelta(days=14)
    slices: tuple[Name, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """All feature columns, in the order of the model's input."""
        return tuple(column for family in self.features.values() for column in family)


class BoundSpec(Part):
    """An absolute bound on one metric."""

    min: float | None = None
    max: float | None = None


class FairnessSpec(Part):
    """What a challenger must fulfil in each slice, such as each airport.

    Attributes:
        slices: columns whose values are the slices, the fifty largest of each.
        tolerance: how much worse than the champion, on the metric compared, it may be in one.
        max_bias: how far the mean prediction of one may lie from its mean label; without it, nothing is asked.
    """

    slices: tuple[Name, ...] = Field(min_length=1)
    tolerance: float = Field(default=0.0, ge=0)
    max_bias: float | None = Field(default=None, ge=0)


class ServerGateSpec(Part):
    """What a challenger must fulfil in a real inference server, started for it alone.

    Attributes:
        max_p99_ms: most milliseconds that 99 of 100 requests of one row may take.
        requests: how many are sent.
    """

    max_p99_ms: float = Field(gt=0)
    requests: int = Field(default=200, ge=20)


class GatesSpec(Part):
    """What a challenger must fulfil.

    Attributes:
        absolute: bounds on the metrics of the evaluation set.
        compare: the metric on which it is compared with the champion on the same rows.
        mode: what it must prove there: that it is `not_worse` than the champion by more than the tolerance, which a
            model of the same skill can; or that it is `better`, which such a model seems in at most `alpha` of cases.
        alpha: the error of each test; also of all tests for harm together.
        block: rows of so many days together are resampled as one, in whole days. Two or more are right where days
            resemble their neighbours; fewer blocks prove less.
        tolerance: how much worse it may be there; of no meaning to `better`.
        guards: other metrics, with how much worse than the champion it may be on each; it is refused where the harm is
            significant.
        max_ece: most that the expected calibration error may be, at the upper end of its interval.
        fairness: what holds in each slice.
        server: what holds in a real server.
        onnx_difference: largest difference between the scikit-learn and the ONNX predictions.
        approval: whether a person must approve in Airflow, with the evidence at hand.
    """

    absolute: dict[Metric, BoundSpec] = Field(default_factory=dict)
    compare: Metric
    mode: Literal["not_worse", "better"] = "not_worse"
    alpha: float = Field(default=0.05, gt=0, le=0.05)
    block: Duration = Field(default=timedelta(days=1), ge=timedelta(days=1))
    tolerance: float = Field(default=0.0, ge=0)
    guards: dict[Metric, Annotated[float, Field(ge=0)]] = Field(default_factory=dict)
    max_ece: float | None = Field(default=None, gt=0, le=1)
    fairness: FairnessSpec | None = None
    server: ServerGateSpec | None = None
    onnx_difference: float = Field(default=1e-5, gt=0)
    approval: bool = False


class FeedbackSpec(Part):
    """When to retrain.

    Attributes:
        metric: the metric watched week by week.
        max_loss: how much worse than at promotion it may get before a retraining is asked for.
        patience: for how many measures in a row it must be.
        clear_loss: after a retraining that brought no new champion, the loss must first be back at this or below
            before it asks again; without it, it asks again after each cooldown.
        max_age: a champion older than this is retrained anyway.
        max_growth: labels that became known since the promotion, as a share of those before, beyond which a
            retraining is asked for; without it volume asks for none.
        max_drifted: most features in drift alarm; more ask for a retraining. Without it drift asks for none.
        cooldown: least time between two retrainings.
        budget: most retrainings in `budget_period`.
        min_labels: fewer new labels than this allow none.
    """

    metric: Metric
    max_loss: float = Field(ge=0)
    patience: int = Field(default=1, ge=1)
    clear_loss: float | None = None
    max_age: Duration
    max_growth: float | None = Field(default=None, gt=0)
    max_drifted: int | None = Field(default=None, ge=0)
    cooldown: Duration
    budget: int = Field(ge=0)
    budget_period: Duration = timedelta(days=365)
    min_labels: int = Field(default=100, ge=1)

    @model_validator(mode="after")
    def _clears_below(self) -> Self:
        if self.clear_loss is not None and self.clear_loss > self.max_loss:
            raise refuse("a loss is cleared below the one that asks for a retraining (max_loss)", "clear_loss")
        return self

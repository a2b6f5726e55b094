"""What Prometheus reads of the rollout that is on: the counts that its deployer decides on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from ai_patterns.core.rollout_counts import LATENCY_EDGES, Counts, Side
from ai_patterns.core.routing import Routing

_PREFIX = "ai_patterns_inference_rollout"
_LABELS = ["step", "role", "version"]


class RolloutMetrics(Collector):
    """Counters of both versions in the present step, over all workers.

    Args:
        read: the step and its counts; None while no rollout is on.
    """

    def __init__(self, read: Callable[[], tuple[Routing, Counts] | None]) -> None:
        self._read = read

    def collect(self) -> Iterator[Metric]:
        """The metrics of this moment."""
        found = self._read()
        if found is None:
            return
        routing, counts = found
        requests = CounterMetricFamily(f"{_PREFIX}_requests", "Requests that a version scored.", labels=_LABELS)
        errors = CounterMetricFamily(f"{_PREFIX}_errors", "Requests that it failed to score.", labels=_LABELS)
        latency = HistogramMetricFamily(f"{_PREFIX}_latency_seconds", "Time to score or to answer.", labels=_LABELS)
        scores = CounterMetricFamily(f"{_PREFIX}_scores", "Scores by bin.", labels=[*_LABELS, "at_most"])
        bounds = [*(f"{edge:g}" for edge in routing.edges), "+Inf", "NaN"]
        for role, version, side in (
            ("champion", routing.champion, counts.champion),
            ("challenger", routing.version, counts.challenger),
        ):
            labels = [str(routing.sequence), role, str(version)]
            requests.add_metric(labels, side.requests)
            errors.add_metric(labels, side.errors)
            latency.add_metric(labels, _buckets(side), None)
            for bound, number in zip(bounds, side.scores, strict=False):
                scores.add_metric([*labels, bound], number)
        yield from (requests, errors, latency, scores)
        for name, text, number in (
            ("pairs", "Requests that both versions scored.", counts.pairs),
            ("shed", "Requests that only one scored, for want of time.", counts.shed),
        ):
            family = CounterMetricFamily(f"{_PREFIX}_{name}", text, labels=["step"])
            family.add_metric([str(routing.sequence)], number)
            yield family


def _buckets(side: Side) -> list[tuple[str, float]]:
    bounds = [*(f"{edge:.6g}" for edge in LATENCY_EDGES), "+Inf"]
    return [(bound, float(number)) for bound, number in zip(bounds, accumulate(side.latency), strict=True)]

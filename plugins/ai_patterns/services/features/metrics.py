"""What Prometheus reads of the service."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from ai_patterns.clients.freshness import read_freshness
from ai_patterns.core.clock import utc_now
from ai_patterns.services.features.catalog import Catalog
from ai_patterns.services.features.writing import Writer

_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)


class Metrics:
    """Counters of one service, and how old each view's values are.

    Args:
        catalog: knows the views, and how many rows were not found.
        writer: knows what was pushed.
        repo: the repository's folder, where materialization notes what it wrote.
    """

    def __init__(self, catalog: Catalog, writer: Writer, repo: Path) -> None:
        self._catalog, self._writer, self._repo = catalog, writer, repo
        self._registry = CollectorRegistry()
        here: dict[str, Any] = {"namespace": "ai_patterns", "subsystem": "features", "registry": self._registry}
        self._requests = Counter("requests", "Requests answered.", ["protocol", "status"], **here)
        self._latency = Histogram("latency_seconds", "Time to answer.", ["protocol"], buckets=_BUCKETS, **here)
        self._children: dict[tuple[str, int], tuple[Any, Any]] = {}
        self._registry.register(self)

    def count(self, protocol: str, status: int, seconds: float) -> None:
        """Take one answer in."""
        known = self._children.get((protocol, status))
        if known is None:
            known = self._requests.labels(protocol, str(status)), self._latency.labels(protocol)
            self._children[protocol, status] = known
        known[0].inc()
        known[1].observe(seconds)

    def text(self) -> bytes:
        """All of it in Prometheus's text format."""
        return bytes(generate_latest(self._registry))

    def freshness(self) -> dict[str, float]:
        """View -> seconds since the instant whose values are online; a view that was never filled is left out."""
        now = utc_now().timestamp()
        noted = {name: held.as_of.timestamp() for name, held in read_freshness(self._repo).items()}
        pushed = {name: moment / 1_000_000 for name, moment in dict(self._writer.newest).items()}
        ages = {}
        for view in self._catalog.store.list_feature_views(allow_cache=True):
            ended = view.most_recent_end_time
            known = [noted.get(view.name), pushed.get(view.name), ended.timestamp() if ended else None]
            instants = [instant for instant in known if instant is not None]
            if instants:
                ages[view.name] = now - max(instants)
        return ages

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        """Called by Prometheus's client."""
        age = GaugeMetricFamily("ai_patterns_features_age_seconds", "Age of what is online.", labels=["view"])
        for view, seconds in self.freshness().items():
            age.add_metric([view], seconds)
        yield age
        counts = {"missing_rows": self._catalog.missing, "written_rows": self._writer.rows}
        for name, rows in counts.items():
            family = CounterMetricFamily(f"ai_patterns_features_{name}", "Rows, by view.", labels=["view"])
            for view, number in dict(rows).items():
                family.add_metric([view], number)
            yield family

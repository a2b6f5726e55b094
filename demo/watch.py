"""The demo's metrics: statsd_exporter and Prometheus beside it, where this machine has them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ai_patterns.errors import AIPatternsError
from ai_patterns.runtimes.prometheus import Prometheus
from ai_patterns.runtimes.statsd_exporter import AIRFLOW, StatsdExporter


@contextmanager
def watched(runtimes: Path) -> Iterator[Mapping[str, str]]:
    """Airflow's settings for metrics; none, and the reason is told, where the programs cannot be had.

    Args:
        runtimes: folder of the runtimes; Prometheus's data stays there.
    """
    exporter, prometheus = StatsdExporter(runtimes / StatsdExporter.name), Prometheus(runtimes / Prometheus.name)
    with ExitStack() as stack:
        try:
            for runtime in (exporter, prometheus):
                stack.callback(runtime.down)
                runtime.up()
        except AIPatternsError as error:
            print(f"no metrics: {error}", flush=True)
            yield {}
            return
        print(f"Prometheus: {prometheus.url}", flush=True)
        host, _, port = exporter.statsd_address.partition(":")
        settings = {**AIRFLOW, "STATSD_HOST": host, "STATSD_PORT": port}
        yield {f"AIRFLOW__METRICS__{name}": value for name, value in settings.items()}

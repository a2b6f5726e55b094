"""Commands about the services of this machine: `up`, `down` and `runtimes`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ai_patterns.cli.arguments import Commands, add_command
from ai_patterns.clients.home import Home

if TYPE_CHECKING:
    from ai_patterns.runtimes.runtime import Runtime

NAMES = ("alertmanager", "flink", "hadoop", "kafka", "prometheus", "redis", "spark", "statsd")


def add_commands(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the three commands."""
    up = add_command(
        commands,
        "up",
        "start real services on this machine, their data kept",
        "ai-patterns up kafka\n  ai-patterns up statsd alertmanager prometheus",
    )
    up.add_argument("name", nargs="+", choices=NAMES)
    up.add_argument("--port", type=int, help="of a single service; default: that of its last start, or a free one")
    up.set_defaults(run=_up)
    down = add_command(commands, "down", "stop services that `up` started, by default all", "ai-patterns down kafka")
    down.add_argument("name", nargs="*", type=_name, help=f"of {', '.join(NAMES)}")
    down.set_defaults(run=_down)
    status = add_command(commands, "runtimes", "tell which services run, and where", "ai-patterns runtimes")
    status.set_defaults(run=_status)
    for command in (up, down, status):
        command.add_argument("--home", type=Path, help="their folder; default: $AI_PATTERNS_HOME/.run/runtimes")


def _runtimes(options: argparse.Namespace, names: Sequence[str] = ()) -> list[Runtime]:
    from ai_patterns.runtimes.alertmanager import Alertmanager
    from ai_patterns.runtimes.flink import Flink
    from ai_patterns.runtimes.hadoop import Hadoop
    from ai_patterns.runtimes.kafka import Kafka
    from ai_patterns.runtimes.prometheus import Prometheus
    from ai_patterns.runtimes.redis import Redis
    from ai_patterns.runtimes.spark_cluster import Spark
    from ai_patterns.runtimes.statsd_exporter import StatsdExporter

    root = options.home or Home.from_environment().runtimes
    # Prometheus comes last: it asks the others where they are.
    kinds: tuple[type[Runtime], ...] = (
        Flink, Hadoop, Kafka, Redis, Spark, StatsdExporter, Alertmanager, Prometheus
    )  # fmt: skip
    return [kind(root / kind.name) for kind in kinds if not names or kind.name in names]


def _name(text: str) -> str:
    if text not in NAMES:
        raise argparse.ArgumentTypeError(f"there is no service {text!r}; there are {', '.join(NAMES)}")
    return text


def _up(options: argparse.Namespace) -> int:
    for runtime in _runtimes(options, options.name):
        starts = runtime.up(options.port)
        print(f"{runtime.name}: {'started' if starts else 'runs already'} at {runtime.address}, log {runtime.log}")
        for line in runtime.hints():
            print(f"  {line}")
    return 0


def _down(options: argparse.Namespace) -> int:
    for runtime in _runtimes(options, options.name):
        print(f"{runtime.name}: {'stopped' if runtime.down() else 'did not run'}")
    return 0


def _status(options: argparse.Namespace) -> int:
    for runtime in _runtimes(options):
        if not runtime.groups:
            print(f"{runtime.name}: does not run")
        else:
            print(f"{runtime.name}: {'runs' if runtime.answers() else 'does not answer'} at {runtime.address}")
    return 0

"""Commands about the services of this machine: `up`, `down` and `runtimes`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ai_patterns.cli.arguments import Commands, add_command
from ai_patterns.clients.home import Home

if TYPE_CHECKING:
    from ai_patterns.runtimes.runtime import Runtime

NAMES = ("flink", "kafka", "redis")


def add_commands(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the three commands."""
    up = add_command(commands, "up", "start a real service on this machine, its data kept", "ai-patterns up kafka")
    up.add_argument("name", choices=NAMES)
    up.add_argument("--port", type=int, help="default: that of its last start, or a free one")
    up.set_defaults(run=_up)
    down = add_command(commands, "down", "stop a service that `up` started, or all", "ai-patterns down kafka")
    down.add_argument("name", nargs="?", choices=NAMES)
    down.set_defaults(run=_down)
    status = add_command(commands, "runtimes", "tell which services run, and where", "ai-patterns runtimes")
    status.set_defaults(run=_status)
    for command in (up, down, status):
        command.add_argument("--home", type=Path, help="their folder; default: $AI_PATTERNS_HOME/.run/runtimes")


def _runtimes(options: argparse.Namespace, name: str | None = None) -> list[Runtime]:
    from ai_patterns.runtimes.flink import Flink
    from ai_patterns.runtimes.kafka import Kafka
    from ai_patterns.runtimes.redis import Redis

    root = options.home or Home.from_environment().made / "runtimes"
    return [kind(root / kind.name) for kind in (Flink, Kafka, Redis) if name in {None, kind.name}]


def _up(options: argparse.Namespace) -> int:
    (runtime,) = _runtimes(options, options.name)
    starts = runtime.up(options.port)
    print(f"{runtime.name}: {'started' if starts else 'runs already'} at {runtime.address}, log {runtime.log}")
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

"""The command `replay`: history lived again through real topics, with the decisions that it leads to."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from ai_patterns.cli.arguments import Commands, add_command, add_servers, open_broker, spec_of
from ai_patterns.clients.home import Home

if TYPE_CHECKING:
    from ai_patterns.core.days import Days
    from ai_patterns.jobs.rehearsal import BringIn, LivedDay, Rehearsal
    from ai_patterns.spec.system import SystemSpec

_INTERRUPTED = 130


def add_commands(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the command."""
    replay = add_command(
        commands,
        "replay",
        "live some days of a system's history again: through real topics, stream worker, landing, the boundary between "
        "the layers with its certificate, scoring, labels and the decisions on retraining, on a simulated clock",
        "ai-patterns up kafka\n  ai-patterns replay flights --from 2013-04-01 --to 2013-04-14 --check",
    )
    replay.add_argument("system", help="what came before --from is loaded from its files")
    replay.add_argument("--from", dest="first", metavar="DAY", type=dt.date.fromisoformat, required=True)
    replay.add_argument("--to", dest="last", metavar="DAY", type=dt.date.fromisoformat, required=True)
    replay.add_argument(
        "--speed", type=_speed, default=None, metavar="max|N", help="simulated seconds in a second; default: max"
    )
    replay.add_argument(
        "--period", type=int, default=7, metavar="DAYS", help="from one decision to the next; default: 7"
    )
    replay.add_argument(
        "--folder", type=Path, help="its lake, registry and tiles, apart from all others; default: .run/replay/SYSTEM"
    )
    replay.add_argument(
        "--check", action="store_true", help="also live the days from the files alone, and compare all that was decided"
    )
    add_servers(replay)
    replay.set_defaults(run=_replay)


def _speed(text: str) -> float | None:
    """Raises `ArgumentTypeError` unless the text is `max` or a positive number."""
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if speed <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is neither 'max' nor a number above 0")
    return speed


def _replay(options: argparse.Namespace) -> int:
    from ai_patterns.core.days import Days

    system, days = spec_of(options.system), Days(options.first, options.last)
    folder = options.folder or Home.from_environment().made / "replay" / system.name
    try:
        streamed = _streamed(options, system, folder)
        _live(streamed, days)
        return _check(options, system, folder, streamed, days) if options.check else 0
    except KeyboardInterrupt:
        print("\ninterrupted; the same command goes on where this one ended", file=sys.stderr)
        return _INTERRUPTED


def _streamed(options: argparse.Namespace, system: SystemSpec, folder: Path) -> Rehearsal:
    """The system on topics of its own."""
    from ai_patterns.clients.lake import Lake
    from ai_patterns.clients.tile_stores import open_tile_store
    from ai_patterns.jobs.history import create_topics
    from ai_patterns.jobs.replay import Replay, apart

    broker = open_broker(options.servers)
    system = apart(system, f"replay-{_identity(folder)}")
    create_topics(system, broker)
    lake = Lake(str(folder / "lake"), system.name)
    replay = Replay(system, lake, broker, open_tile_store(system, f"sqlite:///{folder / 'tiles.db'}"))
    return _rehearsal(options, system, folder, lambda day: replay.live_through(day, options.speed))


def _rehearsal(options: argparse.Namespace, system: SystemSpec, folder: Path, bring_in: BringIn | None) -> Rehearsal:
    from ai_patterns.clients.lake import Lake
    from ai_patterns.clients.mlflow import Registry
    from ai_patterns.jobs.rehearsal import Rehearsal

    folder.mkdir(parents=True, exist_ok=True)
    registry = Registry(f"sqlite:///{folder}/mlflow.db", system.name)
    return Rehearsal(system, Lake(str(folder / "lake"), system.name), registry, bring_in, options.period)


def _identity(folder: Path) -> str:
    """Names the topics of the replay in `folder`; a folder made anew gets others."""
    file = folder / "replay.json"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({"topics": uuid.uuid4().hex[:8]}) + "\n", "utf-8")
    identity: str = json.loads(file.read_text("utf-8"))["topics"]
    return identity


def _live(rehearsal: Rehearsal, days: Days) -> None:
    print(f"{rehearsal.lake.uri}: all before {days.first} from the files", flush=True)
    print(f"version {rehearsal.prepare(days.first)} is the champion", flush=True)
    if over := sorted(rehearsal.over() & set(days)):
        print(f"{over[0]} to {over[-1]} were lived through before", flush=True)
    for lived in rehearsal.live(days):
        _tell(lived)


def _tell(lived: LivedDay) -> None:
    print(f"{lived.day}  {lived.came}; {lived.predictions:,} predictions", flush=True)
    if (decision := lived.decision) is not None:
        verdict = "retrain" if decision.retrain else "keep"
        print(f"            {verdict}: {decision.reason}; version {decision.champion} is the champion", flush=True)
        if decision.refused:
            print(f"            {decision.refused}", flush=True)


def _check(options: argparse.Namespace, system: SystemSpec, folder: Path, streamed: Rehearsal, days: Days) -> int:
    from ai_patterns.jobs.rehearsal_check import differences

    plain = _rehearsal(options, system, folder / "from-files", None)
    _live(plain, days)
    found = differences(streamed, plain, days)
    for each in found:
        print(f"differs: {each}", file=sys.stderr)
    if not found:
        print("predictions, decisions, ledger and champion are those of the files")
    return int(bool(found))

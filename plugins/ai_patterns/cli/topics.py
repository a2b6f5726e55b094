"""Commands about a system's topics: `land`, `stream` and `dead-letters`."""

from __future__ import annotations

import argparse

from ai_patterns.cli.arguments import Commands, add_command, add_servers, open_broker, open_system, spec_of
from ai_patterns.clients.home import Home


def add_commands(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the three commands."""
    land = add_command(
        commands, "land", "bring what waits in a system's topics to the lake", "ai-patterns land flights"
    )
    land.add_argument("system")
    land.set_defaults(run=_land)
    stream = add_command(
        commands,
        "stream",
        "fold a system's topics into the online tiles until Ctrl-C",
        "ai-patterns stream flights --port 8091",
    )
    stream.add_argument("system")
    told = "this worker's number, from 0, of how many; `group`: Kafka shares among those that are there; default: 0/1"
    stream.add_argument("--share", default="0/1", help=told)
    stream.add_argument("--port", default="8091", help="port of /health and /metrics; default: 8091")
    stream.set_defaults(run=_stream)
    letters = add_command(
        commands,
        "dead-letters",
        "count the messages that were refused, by reason, or write them back into their topic",
        "ai-patterns dead-letters flights arrived --reason 'range: arr_delay' --replay",
    )
    letters.add_argument("system")
    letters.add_argument("stream")
    letters.add_argument("--reason", default="", help="only those whose reason begins so")
    letters.add_argument("--replay", action="store_true", help="write them back, each once")
    letters.set_defaults(run=_dead_letters)
    for command in (land, stream, letters):
        add_servers(command)


def _land(options: argparse.Namespace) -> int:
    from ai_patterns.core.predictions import SHADOW_TABLE, TABLE
    from ai_patterns.jobs.landed import landed_streams
    from ai_patterns.jobs.landing import land
    from ai_patterns.jobs.prediction_topic import land_predictions

    system, lake = open_system(options.system)
    broker = open_broker(options.servers)
    reports = {name: land(system, lake, broker, name) for name in landed_streams(system)}
    if system.decision.topic is not None:
        reports |= {name: land_predictions(system, lake, broker, name) for name in (TABLE, SHADOW_TABLE)}
    for name, report in reports.items():
        print(f"{name}: {report.rows} rows, {sum(report.refused.values())} refused, lag {report.lag}")
    return 0


def _stream(options: argparse.Namespace) -> None:
    from ai_patterns.runtimes.prometheus import announced
    from ai_patterns.services.stream_worker.__main__ import run
    from ai_patterns.services.stream_worker.settings import read_settings

    home, folder = Home.from_environment(), spec_of(options.system).folder
    places = {
        "--system-folder": folder,
        "--kafka": open_broker(options.servers).servers,
        "--tiles": home.tiles_of(home.features / options.system),
        "--share": options.share,
        "--port": options.port,
    }
    settings = read_settings([text for flag, value in places.items() for text in (flag, str(value))], {})
    with announced(home.runtimes, "stream_worker", f"127.0.0.1:{options.port}"):
        run(settings)


def _dead_letters(options: argparse.Namespace) -> int:
    from ai_patterns.jobs.dead_letters import count_letters, replay

    system, broker = spec_of(options.system), open_broker(options.servers)
    if options.replay:
        print(f"{replay(system, broker, options.stream, options.reason)} messages are back in the topic")
        return 0
    for reason, count in count_letters(system, broker, options.stream, options.reason).items():
        print(f"{count:8} {reason}")
    return 0

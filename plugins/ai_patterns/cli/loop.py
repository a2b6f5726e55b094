"""Commands that run one part of the loop by hand: `readmit`, `serve`, `features`, `rollback` and `report`."""

from __future__ import annotations

import argparse
import datetime as dt
import os
from difflib import get_close_matches
from pathlib import Path

from ai_patterns.cli.arguments import Commands, add_command, days, open_system, spec_of
from ai_patterns.clients.home import Home
from ai_patterns.errors import SpecError


def add_commands(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the five commands."""
    _add_readmit(commands)
    _add_serve(commands)
    _add_features(commands)
    rollback = add_command(
        commands,
        "rollback",
        "return to the champion before the present one",
        'ai-patterns rollback flights --reason "complaints since noon"',
    )
    rollback.add_argument("system")
    rollback.add_argument("--reason", default="by hand", help="is kept in the ledger of promotions")
    rollback.set_defaults(run=_rollback)
    report = add_command(
        commands, "report", "write report.html and report.json of a system", "ai-patterns report flights .run/report"
    )
    report.add_argument("system")
    report.add_argument("folder", type=Path, help="where to write them")
    report.set_defaults(run=_report)


def _add_readmit(commands: Commands[argparse.ArgumentParser]) -> None:
    readmit = add_command(
        commands,
        "readmit",
        "check quarantined rows again and publish those that now pass",
        "ai-patterns readmit flights weather 2013-02-12 \\\n"
        '    --fix-sql "SELECT * REPLACE (NULL AS wind_speed) FROM quarantined"',
    )
    readmit.add_argument("system")
    readmit.add_argument("stream")
    readmit.add_argument("days", type=days, help="2013-02-12, or a closed range 2013-02-01/2013-02-28")
    readmit.add_argument(
        "--fix-sql",
        metavar="SELECT",
        help="mends the rows first: a query over the table `quarantined`, whose declared columns are text, that passes "
        "`_place` on; without it the rows are held against the spec as it is now",
    )
    readmit.set_defaults(run=_readmit)


def _add_serve(commands: Commands[argparse.ArgumentParser]) -> None:
    serve = add_command(
        commands,
        "serve",
        "serve a system's champion over HTTP until Ctrl-C",
        "ai-patterns serve flights --port 8090",
    )
    serve.add_argument("system")
    serve.add_argument("--host", help="address to listen on; default: $AI_PATTERNS_HOST, else 127.0.0.1")
    serve.add_argument("--port", type=int, help="default: $AI_PATTERNS_PORT, else 8090")
    serve.add_argument(
        "--kafka",
        metavar="HOST:PORT",
        help="the broker that takes the predictions of a system that names a topic for them; default: "
        "$AI_PATTERNS_KAFKA, else the lake takes them",
    )
    serve.set_defaults(run=_serve)


def _add_features(commands: Commands[argparse.ArgumentParser]) -> None:
    features = add_command(
        commands,
        "features",
        "serve a system's online features, or any Feast repository's, over HTTP until Ctrl-C",
        "ai-patterns features flights --port 6566\n  ai-patterns features --repo my_project/feature_repo",
    )
    features.add_argument("system", nargs="?", help="a system of this installation")
    features.add_argument("--repo", type=Path, help="an applied Feast repository instead, as for `feast serve`")
    features.add_argument("--host", help="address to listen on; default: $AI_PATTERNS_HOST, else 127.0.0.1")
    features.add_argument("--port", type=int, help="default: $AI_PATTERNS_FEATURES_PORT, else 6566, as `feast serve`")
    features.set_defaults(run=_features)


def _readmit(options: argparse.Namespace) -> None:
    from ai_patterns.jobs.readmission import readmit

    system, lake = open_system(options.system)
    if options.stream not in system.streams:
        nearest = next(iter(get_close_matches(options.stream, system.streams)), None)
        raise SpecError(f"{system.name!r} has no stream {options.stream!r}", nearest=nearest)
    report = readmit(system, lake, options.stream, options.days, options.fix_sql)
    print(f"{options.stream} on {options.days}: {report.readmitted} rows readmitted")
    for reason, rows in report.refused.items():
        print(f"  {rows} stay in quarantine: {reason}")
    if report.readmitted:
        again = f'airflow dags trigger {system.name}__batch_processing -c \'{{"days": "{options.days}"}}\''
        print(f"bring them into the features: {again}")


def serving_arguments(options: argparse.Namespace) -> list[str]:
    """The inference service's own flags for a system of this installation."""
    home, folder = Home.from_environment(), spec_of(options.system).folder
    places = {
        "--system-folder": folder,
        "--lake": home.lake,
        "--tracking-uri": home.tracking,
        "--feature-repo": home.features / options.system,
        "--counts": home.made / "rollouts" / options.system,
        "--kafka": options.kafka,
        "--host": options.host,
        "--port": options.port,
    }
    return [text for flag, value in places.items() if value is not None for text in (flag, str(value))]


def _serve(options: argparse.Namespace) -> None:
    from ai_patterns.runtimes.prometheus import announced
    from ai_patterns.services.inference.__main__ import main
    from ai_patterns.services.inference.settings import read_settings

    arguments = serving_arguments(options)
    settings = read_settings(arguments, os.environ)
    with announced(Home.from_environment().runtimes, "inference", f"{settings.host}:{settings.port}"):
        main(arguments)


def features_arguments(options: argparse.Namespace) -> list[str]:
    """The feature service's own flags, for a system of this installation or for a repository.

    Raises:
        SpecError: neither or both were named.
    """
    if (options.system is None) == (options.repo is None):
        raise SpecError("name a system, or a Feast repository with --repo")
    repo, folder = options.repo, None
    if options.system is not None:
        folder = spec_of(options.system).folder
        repo = Home.from_environment().features / options.system
    places = {"--repo": repo, "--system-folder": folder, "--host": options.host, "--port": options.port}
    return [text for flag, value in places.items() if value is not None for text in (flag, str(value))]


def _features(options: argparse.Namespace) -> None:
    from ai_patterns.services.features.__main__ import serve
    from ai_patterns.services.features.settings import read_settings

    serve(read_settings(features_arguments(options), os.environ))


def _rollback(options: argparse.Namespace) -> None:
    from ai_patterns.clients.mlflow import Registry
    from ai_patterns.jobs.promotion import rollback

    system, lake = open_system(options.system)
    registry = Registry(Home.from_environment().tracking, system.name)
    line = rollback(lake, registry, at=dt.datetime.now(dt.UTC), reason=options.reason)
    print(f"{system.name}: version {line.version} is the champion again, after {line.previous}")


def _report(options: argparse.Namespace) -> None:
    from ai_patterns.jobs.report import write_report

    print(write_report(*open_system(options.system), options.folder))

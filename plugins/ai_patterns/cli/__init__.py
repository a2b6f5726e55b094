"""The command `ai-patterns`: check a spec, start a system, and run the loop's parts by hand."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from ai_patterns.clients.statsd import counted
from ai_patterns.errors import AIPatternsError, MissingDependencyError

PARTS = {
    "specs": ("validate", "new"),
    "doctor": ("doctor",),
    "loop": ("readmit", "serve", "features", "rollback", "report"),
    "evaluation": ("evaluate",),
    "parity": ("parity",),
    "explain": ("explain",),
    "backfill": ("backfill",),
    "maintenance": ("maintain",),
    "runtimes": ("up", "down", "runtimes"),
    "topics": ("land", "stream", "dead-letters"),
    "replay": ("replay",),
    "luigi": ("luigi",),
    "export": ("export",),
    "feedback": ("feedback",),
}
"""Modules of this package and their commands: one command waits for no other's imports."""

_EPILOG = """\
first steps:
  ai-patterns new pumps                    write include/systems/pumps, a commented starter with sample data
  ai-patterns doctor                       is this installation whole, and what is to be done
  ai-patterns validate                     check every system; an error names file, line, field and nearest name
  ai-patterns evaluate flights             what each family of features is worth, and that none knows the future
  ai-patterns up kafka                     start a real broker here; `down kafka` stops it
  ai-patterns stream flights               fold its topics into online features as they come
  ai-patterns replay flights --from 2013-04-01 --to 2013-04-07
                                           live a week again through it, with every decision on the way
  ai-patterns land flights                 bring what waits in its topics to the lake; `dead-letters` tells what is bad
  ai-patterns backfill flights --partition 2013-02-09 --dry-run
                                           what depends on a day; without --dry-run correct it and all of that
  ai-patterns maintain flights --dry-run   what merging small files and removing old versions would do
  ai-patterns luigi shop.pipeline Report --output dags/report.json
                                           a Luigi graph's shape, from which LuigiTaskGroup makes Airflow tasks

places (environment, with their defaults):
  AI_PATTERNS_HOME          $AIRFLOW_HOME, or the working folder
  AI_PATTERNS_SYSTEMS       $AI_PATTERNS_HOME/include/systems
  AI_PATTERNS_LAKE          $AI_PATTERNS_HOME/.run/lake
  AI_PATTERNS_TRACKING_URI  sqlite:///$AI_PATTERNS_HOME/.run/mlflow.db
  AI_PATTERNS_FEAST         $AI_PATTERNS_HOME/.run/feast
  AI_PATTERNS_REPORTS       $AI_PATTERNS_HOME/.run/reports
  AI_PATTERNS_TILES         tiles.db beside each Feast repository; else redis://host:port/0
  AI_PATTERNS_CACHE         ~/.cache/ai-patterns
  AI_PATTERNS_ENGINE_MEMORY  80% of the machine's; also _SPILL (folder), _THREADS, _BATCH_ROWS (1000000)
  AI_PATTERNS_STATSD        nowhere; else host:port that gets each command's duration and outcome
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 when it succeeded, 1 when it failed, 2 when it was called wrongly."""
    words = sys.argv[1:] if arguments is None else arguments
    options = build_parser(next(iter(words), None)).parse_args(words)
    try:
        with counted(options.command) as codes:
            codes.append(int(options.run(options) or 0))
        return codes[0]
    except (AIPatternsError, FileExistsError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("ai_patterns"):
            raise
        print(f"error: {MissingDependencyError(str(error.name), 'all')}", file=sys.stderr)
        return 1


def build_parser(only: str | None = None) -> argparse.ArgumentParser:
    """All commands with their help; where `only` is one of them, those of its module."""
    parser = argparse.ArgumentParser(
        prog="ai-patterns",
        description="The patterns of scalable AI systems, each system described once in a system.yaml.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    for part in [part for part, names in PARTS.items() if only in names] or PARTS:
        import_module(f"ai_patterns.cli.{part}").add_commands(commands)
    return parser

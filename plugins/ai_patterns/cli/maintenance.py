"""The command `maintain`: upkeep of a system's tables."""

from __future__ import annotations

import argparse
import datetime as dt

from ai_patterns.cli.arguments import Commands, add_command, open_system
from ai_patterns.spec.durations import parse_duration


def add_commands(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the command."""
    maintain = add_command(
        commands,
        "maintain",
        "merge a system's small files, remove files that no kept version needs, and sum up the logs of its tables",
        "ai-patterns maintain flights --dry-run\n  ai-patterns maintain flights --keep 30d",
    )
    maintain.add_argument("system")
    maintain.add_argument(
        "--keep", type=_duration, help="for how long files of old versions stay (default, and the least: 15d)"
    )
    maintain.add_argument("--dry-run", action="store_true", help="only show what would be done")
    maintain.set_defaults(run=_maintain)


def _duration(text: str) -> dt.timedelta:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _maintain(options: argparse.Namespace) -> int:
    from ai_patterns.jobs.maintenance import SAFE, maintain

    system, lake = open_system(options.system)
    done = maintain(system, lake, keep=options.keep or SAFE, dry_run=options.dry_run)
    merged, removed = ("would merge", "would remove") if options.dry_run else ("merged", "removed")
    wide = max((len(item.table) for item in done), default=5)
    print(f"{'table':<{wide}} {'rows':>12} {'files':>7} {'bytes':>14} {merged:>12} {removed:>13}")
    for item in done:
        print(
            f"{item.table:<{wide}} {item.rows:>12,} {item.files:>7,} {item.bytes:>14,} "
            f"{item.merged:>12,} {item.removed:>13,}"
        )
    return 0

"""The worker's settings: from the command line, else from the environment."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ai_patterns.services.stream_worker.sharing import Share

GROUP = "group"
_VARIABLES = {
    "system_folder": "AI_PATTERNS_SYSTEM_FOLDER",
    "kafka": "AI_PATTERNS_KAFKA",
    "tiles": "AI_PATTERNS_TILES",
}


@dataclass(frozen=True)
class Settings:
    """How one worker runs.

    Attributes:
        system_folder: folder with `system.yaml`.
        kafka: a server of the cluster, `host:port`.
        tiles: the online store, `sqlite:///path` or `redis://host:port/0`.
        share: this worker's number among how many; None where Kafka's group shares the partitions.
        host: address of `/health` and `/metrics`.
        port: port of both.
    """

    system_folder: Path
    kafka: str
    tiles: str
    share: Share | None = (0, 1)
    host: str = "127.0.0.1"
    port: int = 8091


def read_settings(arguments: Sequence[str], environment: Mapping[str, str]) -> Settings:
    """Read the settings; exits with a usage message where one is missing or malformed."""
    return Settings(**vars(_parser(environment).parse_args(arguments)))


def share(text: str) -> Share | None:
    """Read `number/of`, or `group`.

    >>> share("0/2"), share("group")
    ((0, 2), None)
    """
    if text == GROUP:
        return None
    number, _, of = text.partition("/")
    if not number.isdigit() or not of.isdigit() or int(number) >= int(of):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no share such as 0/2, a worker's number, counted from 0, of how many, and is not {GROUP!r}"
        )
    return int(number), int(of)


def _parser(environment: Mapping[str, str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ai_patterns.services.stream_worker", description=__doc__)
    for name, variable in _VARIABLES.items():
        default = environment.get(variable)
        flag, kind = f"--{name.replace('_', '-')}", Path if name == "system_folder" else str
        parser.add_argument(flag, type=kind, default=default, required=default is None, help=f"or ${variable}")
    told = (
        f"this worker's number of how many, or {GROUP!r}: Kafka shares the partitions among the workers that are there"
    )
    parser.add_argument("--share", type=share, default=environment.get("AI_PATTERNS_SHARE", "0/1"), help=told)
    parser.add_argument("--host", default=environment.get("AI_PATTERNS_HOST", "127.0.0.1"))
    parser.add_argument("--port", type=int, default=environment.get("AI_PATTERNS_PORT", "8091"))
    return parser

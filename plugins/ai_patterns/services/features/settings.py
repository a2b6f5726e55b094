"""The service's settings: from the command line, else from the environment."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ai_patterns.services.edge.callers import Callers, RateLimit, parse_keys


@dataclass(frozen=True)
class Settings:
    """How one feature service runs.

    Attributes:
        repo: folder of an applied Feast repository.
        system_folder: folder with `system.yaml`, for the system's own feature services; any repository goes without.
        callers: keys, from `AI_PATTERNS_WRITE_KEYS` and `AI_PATTERNS_READ_KEYS` alone, and their rate limit.
        host: address to listen on.
        port: port to listen on; 6566 is that of `feast serve`.
        max_body_bytes: largest request body.
        registry_ttl_seconds: how often the registry is read again.
        kept_entities: entities of which what Redis said is kept until it says that they changed; 0: each is asked for
            each time.
    """

    repo: Path
    system_folder: Path | None = None
    callers: Callers = field(default_factory=Callers)
    host: str = "127.0.0.1"
    port: int = 6566
    max_body_bytes: int = 8 * 2**20
    registry_ttl_seconds: float = 30.0
    kept_entities: int = 10_000


def read_settings(arguments: Sequence[str], environment: Mapping[str, str]) -> Settings:
    """Read the settings; exits with a usage message where one is missing or malformed."""
    values = vars(_parser(environment).parse_args(arguments))
    per_second = values.pop("requests_per_second")
    callers = Callers(
        parse_keys(environment.get("AI_PATTERNS_WRITE_KEYS", "")),
        parse_keys(environment.get("AI_PATTERNS_READ_KEYS", "")),
        RateLimit(per_second) if per_second else None,
    )
    return Settings(**values, callers=callers)


def _parser(environment: Mapping[str, str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ai_patterns.services.features", description=__doc__)
    repo, folder = environment.get("AI_PATTERNS_FEATURE_REPO"), environment.get("AI_PATTERNS_SYSTEM_FOLDER")
    parser.add_argument("--repo", type=Path, default=repo, required=repo is None, help="or $AI_PATTERNS_FEATURE_REPO")
    parser.add_argument("--system-folder", type=Path, default=folder, help="or $AI_PATTERNS_SYSTEM_FOLDER")
    parser.add_argument("--host", default=environment.get("AI_PATTERNS_HOST", "127.0.0.1"))
    parser.add_argument("--port", type=int, default=environment.get("AI_PATTERNS_FEATURES_PORT", "6566"))
    parser.add_argument("--max-body-bytes", type=int, default=environment.get("AI_PATTERNS_MAX_BODY_BYTES", "8388608"))
    parser.add_argument(
        "--registry-ttl-seconds", type=float, default=environment.get("AI_PATTERNS_REGISTRY_TTL_SECONDS", "30")
    )
    parser.add_argument(
        "--kept-entities",
        type=int,
        default=environment.get("AI_PATTERNS_KEPT_ENTITIES", "10000"),
        help="most entities of which what Redis said is kept until it says that they changed; 0 keeps nothing",
    )
    parser.add_argument(
        "--requests-per-second",
        type=_at_least_one,
        default=environment.get("AI_PATTERNS_REQUESTS_PER_SECOND"),
        help="most requests of one key, or of one address without a key; unlimited by default",
    )
    return parser


def _at_least_one(text: str) -> float:
    number = float(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1 request a second")
    return number

"""The service's settings: from the command line, else from the environment."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ai_patterns.services.edge.callers import Callers, RateLimit, parse_keys


@dataclass(frozen=True)
class Settings:
    """How one feedback service runs.

    Attributes:
        callers: who may send labels, from `AI_PATTERNS_WRITE_KEYS` alone, and how often. Without a key nobody may.
        host: address to listen on.
        port: port to listen on.
        max_body_bytes: largest request body.
    """

    callers: Callers = field(default_factory=Callers)
    host: str = "127.0.0.1"
    port: int = 8092
    max_body_bytes: int = 8 * 2**20


def read_settings(arguments: Sequence[str], environment: Mapping[str, str]) -> Settings:
    """Read the settings; exits with a usage message where one is malformed."""
    values = vars(_parser(environment).parse_args(arguments))
    per_second = values.pop("requests_per_second")
    keys = parse_keys(environment.get("AI_PATTERNS_WRITE_KEYS", ""))
    return Settings(**values, callers=Callers(keys, limit=RateLimit(per_second) if per_second else None))


def _parser(environment: Mapping[str, str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ai-patterns feedback", description=__doc__)
    parser.add_argument("--host", default=environment.get("AI_PATTERNS_HOST", "127.0.0.1"))
    parser.add_argument("--port", type=int, default=environment.get("AI_PATTERNS_FEEDBACK_PORT", "8092"))
    parser.add_argument("--max-body-bytes", type=int, default=environment.get("AI_PATTERNS_MAX_BODY_BYTES", "8388608"))
    limit = environment.get("AI_PATTERNS_REQUESTS_PER_SECOND")
    parser.add_argument("--requests-per-second", type=float, default=limit, help="most requests of one key")
    return parser

"""The service's settings: from the command line, else from the environment."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from ai_patterns.services.inference.guard import Caller

_VARIABLES = {
    "system_folder": "AI_PATTERNS_SYSTEM_FOLDER",
    "lake": "AI_PATTERNS_LAKE",
    "tracking_uri": "AI_PATTERNS_TRACKING_URI",
    "feature_repo": "AI_PATTERNS_FEATURE_REPO",
}


@dataclass(frozen=True)
class Settings:
    """How one inference service runs.

    Attributes:
        system_folder: folder with `system.yaml`.
        lake: folder or URI of the lake.
        tracking_uri: MLflow's tracking and registry URI.
        feature_repo: folder of the applied Feast repository.
        kafka: a server of the cluster, `host:port`, that takes the predictions where the system names a topic for them;
            where it is empty the lake does.
        host: address to listen on.
        port: port to listen on.
        api_key: the key that callers must send; from `AI_PATTERNS_API_KEY` alone, never from the command line.
        open_predictions: whether predictions need no key although one is set.
        poll_seconds: how often the champion alias is read.
        flush_seconds: longest time that a prediction waits to be logged.
        max_body_bytes: largest request body.
        queue_rows: most predictions that wait to be logged.
        callers: further keys, which may ask for predictions; from `AI_PATTERNS_API_KEYS` alone, JSON such as
            `{"shop": {"key": "...", "requests_per_second": 50}}`.
        models: aliases and versions that are served; the first answers where a request names none.
        deadline_seconds: a prediction that is not made by then is refused with 503.
        waiting_rows: most rows that wait for their score; beyond them 503.
        batch_rows: most rows of several requests that are scored together.
        body_seconds: how long a body may take to come.
        workers: processes behind the port.
        counts: folder where all processes of the machine count a rollout together; by default only one supervisor's.
        listener: file descriptor of a listening socket of whoever started this process, with whom it ends.
        channel: file descriptor over which a worker's supervisor gives it connections.
    """

    system_folder: Path
    lake: str
    tracking_uri: str
    feature_repo: Path
    kafka: str = ""
    host: str = "127.0.0.1"
    port: int = 8090
    api_key: str | None = field(default=None, repr=False)
    open_predictions: bool = False
    poll_seconds: float = 3.0
    flush_seconds: float = 2.0
    max_body_bytes: int = 8 * 2**20
    queue_rows: int = 100_000
    callers: Mapping[str, Caller] = field(default_factory=dict, repr=False)
    models: tuple[str, ...] = ("champion",)
    deadline_seconds: float = 5.0
    waiting_rows: int = 4096
    batch_rows: int = 256
    body_seconds: float = 10.0
    workers: int = 1
    counts: Path | None = None
    listener: int | None = None
    channel: int | None = None


def read_settings(arguments: Sequence[str], environment: Mapping[str, str]) -> Settings:
    """Read the settings; exits with a usage message where one is missing or malformed."""
    values = vars(_parser(environment).parse_args(arguments))
    key = environment.get("AI_PATTERNS_API_KEY") or None
    return Settings(**values, api_key=key, callers=_callers(environment.get("AI_PATTERNS_API_KEYS")))


def _callers(text: str | None) -> Mapping[str, Caller]:
    try:
        return msgspec.json.decode(text, type=dict[str, Caller]) if text else {}
    except msgspec.DecodeError as error:
        raise SystemExit(f"AI_PATTERNS_API_KEYS is not understood: {error}") from None


def _parser(environment: Mapping[str, str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ai_patterns.services.inference", description=__doc__)
    for name, variable in _VARIABLES.items():
        kind = Path if name in {"system_folder", "feature_repo"} else str
        default = environment.get(variable)
        flag = f"--{name.replace('_', '-')}"
        parser.add_argument(flag, type=kind, default=default, required=default is None, help=f"or ${variable}")
    parser.add_argument("--kafka", default=environment.get("AI_PATTERNS_KAFKA", ""), help="or $AI_PATTERNS_KAFKA")
    parser.add_argument("--host", default=environment.get("AI_PATTERNS_HOST", "127.0.0.1"))
    parser.add_argument("--port", type=int, default=environment.get("AI_PATTERNS_PORT", "8090"))
    parser.add_argument("--poll-seconds", type=float, default=environment.get("AI_PATTERNS_POLL_SECONDS", "3"))
    parser.add_argument("--flush-seconds", type=float, default=environment.get("AI_PATTERNS_FLUSH_SECONDS", "2"))
    parser.add_argument("--max-body-bytes", type=int, default=environment.get("AI_PATTERNS_MAX_BODY_BYTES", "8388608"))
    parser.add_argument("--deadline-seconds", type=float, default=environment.get("AI_PATTERNS_DEADLINE_SECONDS", "5"))
    parser.add_argument("--queue-rows", type=int, default=environment.get("AI_PATTERNS_QUEUE_ROWS", "100000"))
    parser.add_argument("--waiting-rows", type=int, default=environment.get("AI_PATTERNS_WAITING_ROWS", "4096"))
    parser.add_argument("--workers", type=int, default=environment.get("AI_PATTERNS_WORKERS", "1"))
    parser.add_argument("--counts", type=Path, default=environment.get("AI_PATTERNS_COUNTS"))
    parser.add_argument("--listener", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--channel", type=int, help=argparse.SUPPRESS)
    parser.add_argument(
        "--models",
        type=lambda text: tuple(text.split(",")),
        default=environment.get("AI_PATTERNS_MODELS", "champion"),
        help="aliases and versions to serve, such as champion,challenger,7; the first is the default",
    )
    parser.add_argument(
        "--open-predictions",
        action="store_true",
        default=environment.get("AI_PATTERNS_OPEN_PREDICTIONS", "").lower() in {"1", "true", "yes"},
        help="predictions need no key although one is set",
    )
    return parser

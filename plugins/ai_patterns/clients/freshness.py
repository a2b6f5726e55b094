"""What the online store holds: for each view the instant whose values are online.

Kept as `freshness.json` beside the store. The file's lock lets one materialization work at a time, and the
intention is written before the first value, so that a run that was killed half-way still guards what it wrote.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

FILE = "freshness.json"


@dataclass(frozen=True)
class Freshness:
    """State of one view's online values.

    Attributes:
        as_of: the instant (UTC) whose values are online, or are being written.
        newest_valid_from: the newest change among them.
        materialized_at: when the last write ended; `None` while one is under way, or after it was killed.
        entities: number of entities written last.
    """

    as_of: datetime
    newest_valid_from: datetime | None = None
    materialized_at: datetime | None = None
    entities: int = 0


class FreshnessLedger:
    """The file while its lock is held."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._views = _read(path)

    def is_ahead(self, view: str, at: datetime) -> bool:
        """Whether the view holds, or may hold, values of a later instant than `at`."""
        held = self._views.get(view)
        return held is not None and held.as_of > at

    def begin(self, view: str, at: datetime) -> None:
        """Note that values as of `at` are about to be written."""
        held = self._views.get(view, Freshness(at))
        self._save(view, replace(held, as_of=at, materialized_at=None))

    def finish(self, view: str, at: datetime, newest: datetime | None, entities: int) -> None:
        """Note that they are all there."""
        self._save(view, Freshness(at, newest, datetime.now(UTC), entities))

    def _save(self, view: str, freshness: Freshness) -> None:
        self._views[view] = freshness
        document = {name: asdict(item) for name, item in sorted(self._views.items())}
        draft = self._path.with_suffix(".tmp")
        draft.write_text(json.dumps(document, indent=1, default=datetime.isoformat), "utf-8")
        draft.replace(self._path)


@contextmanager
def freshness_ledger(folder: Path | str) -> Iterator[FreshnessLedger]:
    """Hold the ledger of the repository in `folder`; others wait."""
    path = Path(folder) / "data" / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield FreshnessLedger(path)


def read_freshness(folder: Path | str) -> dict[str, Freshness]:
    """State of every view that was ever materialized."""
    return _read(Path(folder) / "data" / FILE)


def _read(path: Path) -> dict[str, Freshness]:
    if not path.is_file():
        return {}
    return {name: _parse(item) for name, item in json.loads(path.read_text("utf-8")).items()}


def _parse(item: dict[str, str | int | None]) -> Freshness:
    times = {
        name: datetime.fromisoformat(str(item[name])) if item[name] else None
        for name in ("as_of", "newest_valid_from", "materialized_at")
    }
    return Freshness(**{**item, **times})  # type: ignore[arg-type]  # the file holds what `_save` wrote

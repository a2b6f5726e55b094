"""The champion as the ledger of promotions names it, with the metrics that it was promoted on."""

from __future__ import annotations

import datetime as dt
import math

from ai_patterns.clients.lake import Lake
from ai_patterns.clients.ledger import read_promotions
from ai_patterns.core.ledger import Promotion, champion, champion_since
from ai_patterns.core.retraining import Champion


def read_champion(lake: Lake, now: dt.datetime | None = None) -> Champion | None:
    """The champion at `now` (UTC; the newest without it), None before the first promotion.

    After a rollback the metrics are those of the version's own promotion, from which it started.
    """
    history = [line for line in read_promotions(lake) if now is None or line.at <= now]
    version, since = champion(history), champion_since(history)
    if version is None or since is None:
        return None
    return Champion(version, since, _metrics(history, version))


def _metrics(history: list[Promotion], version: int) -> dict[str, float]:
    promoted = [line for line in history if line.version == version and line.action == "promoted"]
    found = promoted[-1].evidence.get("metrics", {}) if promoted else {}
    return {name: float(value) for name, value in found.items() if value is not None and math.isfinite(value)}

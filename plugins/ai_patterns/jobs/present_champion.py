"""The champion as the ledger tells it."""

from __future__ import annotations

from ai_patterns.clients.lake import Lake
from ai_patterns.clients.ledger import read_promotions
from ai_patterns.core.ledger import champion, champion_since
from ai_patterns.core.retraining import Champion


def present_champion(lake: Lake) -> Champion | None:
    """The model that serves, with its metrics at promotion; None before the first promotion."""
    history = read_promotions(lake)
    version, since = champion(history), champion_since(history)
    if version is None or since is None:
        return None
    lines = (line for line in reversed(history) if line.action == "promoted" and line.version == version)
    return Champion(version, since, next(lines).evidence.get("metrics", {}))

"""Which requests a new version answers: the same keys all along, and ever more of them."""

from __future__ import annotations

import json
from collections.abc import Sequence

from ai_patterns.core.exploration import draw
from ai_patterns.core.predictions import json_value


def position(rollout: str, key: Sequence[object]) -> float:
    """Where a key stands in [0, 1): only the key and the rollout decide, so every process agrees.

    >>> position("run 7", ("UA1",)) == position("run 7", ("UA1",))
    True
    """
    return draw(rollout, "canary", json.dumps([json_value(part) for part in key]))


def chosen(rollout: str, key: Sequence[object], share: float) -> bool:
    """Whether the new version answers a key; one that it answers at some share, it answers at every larger one.

    >>> keys = [(number,) for number in range(1000)]
    >>> [sum(chosen("run 7", key, share) for key in keys) for share in (0.0, 0.05, 0.5, 1.0)]
    [0, 63, 514, 1000]
    """
    return position(rollout, key) < share

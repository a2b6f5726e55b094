"""Which version answers during a rollout: the record that its deployer leaves and servers read."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Routing:
    """What servers must know of the step: a small record beside the model's aliases.

    Attributes:
        sequence: the ledger's line.
        rollout: draws the keys.
        version: the new version.
        champion: the version that answers the others; where another one is the champion, nothing of this holds.
        share: of the keys that the new version answers; 0 while it only scores beside the champion.
        edges: bounds between the bins of scores.
        until: when servers are to stop by themselves, UTC: whoever watched the rollout is gone by then.
    """

    sequence: int
    rollout: str
    version: int
    champion: int
    share: float
    edges: tuple[float, ...]
    until: dt.datetime

    def to_text(self) -> str:
        """The record."""
        return json.dumps({**asdict(self), "until": self.until.isoformat()}, separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str) -> Routing:
        """Read a record.

        Raises:
            ValueError: it is none.

        >>> until = dt.datetime(2013, 4, 1, tzinfo=dt.UTC)
        >>> routing = Routing(7, "run 7", 3, 2, 0.05, (0.25, 0.5), until)
        >>> Routing.from_text(routing.to_text()) == routing
        True
        """
        try:
            found = json.loads(text)
            until = dt.datetime.fromisoformat(found["until"])
            return cls(**{**found, "edges": tuple(found["edges"]), "until": until})
        except (TypeError, KeyError) as error:
            raise ValueError(f"a rollout's record is not understood ({error}): {text[:200]}") from None

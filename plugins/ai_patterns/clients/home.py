"""Where systems, lake and registry are found: environment first, then one folder for everything."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Home:
    """The places of one installation.

    Attributes:
        systems: folder that holds one folder a system.
        lake: URI below which every system's lake lies.
        tracking: MLflow's tracking URI.
        features: folder that holds one Feast repository a system.
        reports: folder that holds one folder of reports a system.
        tiles: URL of the online tiles of all systems; where it is empty, each system's lie beside its Feast repository.
        made: folder for whatever else is made, such as the lake of an evaluation.
    """

    systems: Path
    lake: str
    tracking: str
    features: Path
    reports: Path
    tiles: str
    made: Path

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Home:
        """Read `AI_PATTERNS_HOME`, and what moves a single place.

        These are `AI_PATTERNS_SYSTEMS`, `AI_PATTERNS_LAKE`, `AI_PATTERNS_TRACKING_URI`, `AI_PATTERNS_FEAST`,
        `AI_PATTERNS_REPORTS` and `AI_PATTERNS_TILES`. The home is `AIRFLOW_HOME` where nothing else is said, or else
        the working folder; what it makes lies in its `.run` folder.

        >>> home = Home.from_environment({"AI_PATTERNS_HOME": "/srv/ai", "AI_PATTERNS_LAKE": "s3://lake"})
        >>> home.systems.as_posix(), home.lake, home.tracking
        ('/srv/ai/include/systems', 's3://lake', 'sqlite:////srv/ai/.run/mlflow.db')
        """
        root = Path(environment.get("AI_PATTERNS_HOME") or environment.get("AIRFLOW_HOME") or Path.cwd()).absolute()
        return cls(
            systems=Path(environment.get("AI_PATTERNS_SYSTEMS") or root / "include" / "systems"),
            lake=environment.get("AI_PATTERNS_LAKE") or str(root / ".run" / "lake"),
            tracking=environment.get("AI_PATTERNS_TRACKING_URI") or f"sqlite:///{root}/.run/mlflow.db",
            features=Path(environment.get("AI_PATTERNS_FEAST") or root / ".run" / "feast"),
            reports=Path(environment.get("AI_PATTERNS_REPORTS") or root / ".run" / "reports"),
            tiles=environment.get("AI_PATTERNS_TILES", ""),
            made=root / ".run",
        )

    @property
    def runtimes(self) -> Path:
        """Folder of the services of this machine."""
        return self.made / "runtimes"

    def tiles_of(self, folder: Path) -> str:
        """URL of the online tiles of the system whose Feast repository lies in `folder`."""
        return self.tiles or f"sqlite:///{folder / 'data' / 'tiles.db'}"

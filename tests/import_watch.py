"""Notes which packages a process imports, however late it does."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

HEAVY = frozenset(("deltalake", "duckdb", "feast", "mlflow", "pandas", "pyarrow", "sklearn"))
"""What a process need not hold that answers predictions and hands them to a topic."""

_WATCH = """
import os, sys

def watch(event, arguments):
    if event == "import" and "." not in arguments[0]:
        with open(os.environ["IMPORTED"], "a") as seen:
            print(arguments[0], file=seen)

sys.addaudithook(watch)
"""


@dataclass(frozen=True)
class ImportWatch:
    """Writes to a file in `folder` what the processes import that are started with its variables."""

    folder: Path

    def over(self, environment: Mapping[str, str]) -> dict[str, str]:
        """The environment of a process that is watched."""
        (self.folder / "sitecustomize.py").write_text(_WATCH)
        path = os.pathsep.join([str(self.folder), environment["PYTHONPATH"]])
        return {**environment, "PYTHONPATH": path, "IMPORTED": str(self.folder / "imported")}

    def seen(self) -> set[str]:
        """The packages that were imported."""
        return set((self.folder / "imported").read_text().split())

"""Counts of a rollout's step, in a file that outlives its process: each process writes one, a reader adds them up."""

from __future__ import annotations

import bisect
import os
import secrets
import shutil
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ai_patterns.core.rollout_counts import LATENCY_EDGES, LAYOUT, SIZE, Counts, Numbers, Role, score_bin

_SUFFIX = ".counts"


class Tally:
    """The counts of this process in one step; safe to share between threads.

    The file is mapped into memory: what was counted is the system's, whatever becomes of the process.

    Args:
        folder: folder of the step.
        edges: bounds between the bins of scores.
    """

    def __init__(self, folder: Path, edges: Sequence[float]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{os.getpid()}-{secrets.token_hex(4)}{_SUFFIX}"
        self._counts: Numbers = np.memmap(path, np.int64, "w+", shape=(SIZE,))
        self._edges, self._lock = tuple(edges), threading.Lock()

    def scored(self, role: Role, *, failed: bool) -> None:
        """Count a request that a version scored or failed to."""
        with self._lock:
            self._add(f"{role}.requests")
            self._add(f"{role}.errors", number=failed)

    def took(self, role: Role, seconds: float) -> None:
        """Count how long a request took."""
        with self._lock:
            self._add(f"{role}.latency", bisect.bisect_left(LATENCY_EDGES, seconds))

    def pair(self, champion: float, challenger: float) -> None:
        """Count the scores that both versions gave to one row."""
        old, new = score_bin(self._edges, champion), score_bin(self._edges, challenger)
        with self._lock:
            self._add("pairs")
            self._add("champion.scores", old)
            self._add("challenger.scores", new)
            name = "rose" if old < new else "fell"
            for place in range(min(old, new), max(old, new)):
                self._add(name, place)

    def shed(self, requests: int) -> None:
        """Count requests that only one version scores."""
        with self._lock:
            self._add("shed", number=requests)

    def refused(self) -> None:
        """Count that the new version could not be loaded."""
        with self._lock:
            self._add("refused")

    def _add(self, name: str, place: int = 0, number: int = 1) -> None:
        self._counts[LAYOUT[name].start + place] += number


def read_counts(folder: Path) -> Counts:
    """The counts of a step over all processes, those that have ended included."""
    total = np.zeros(SIZE, np.int64)
    for path in folder.glob(f"*{_SUFFIX}"):
        counts = np.fromfile(path, np.int64)
        if len(counts) == SIZE:  # one that is being made is empty yet
            total += counts
    return Counts.from_vector(total)


def drop_older(folder: Path, sequence: int) -> None:
    """Remove what was counted in earlier steps; whoever decided on them has written it down."""
    for step in folder.glob("*"):
        if step.name.isdecimal() and int(step.name) < sequence:
            shutil.rmtree(step, ignore_errors=True)

"""The prediction log: answers do not wait for the lake, and nothing that was answered is lost."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque

from ai_patterns.clients.lake import Lake
from ai_patterns.core.predictions import PARTITIONS, TABLE
from ai_patterns.errors import ServiceUnavailableError
from ai_patterns.services.inference.logged import Scored, log_table
from ai_patterns.spec.system import SystemSpec

CONN_ID = "ai_patterns_lake"
_CLOSE_SECONDS = 20.0
_ROWS_OF_A_COMMIT = 4096
"""As soon as so many rows wait, they are appended: a busy service shall not grow for its log's sake."""

log = logging.getLogger(__name__)


class PredictionLog:
    """A bounded queue of prediction rows, appended to the lake by one background thread.

    Args:
        system: the system's spec.
        lake: its lake.
        flush_seconds: longest time that a row waits for its append.
        capacity: most rows that wait; beyond it new ones are refused.
        table: where they are appended.
    """

    def __init__(
        self,
        system: SystemSpec,
        lake: Lake,
        *,
        flush_seconds: float = 2.0,
        capacity: int = 100_000,
        table: str = TABLE,
    ) -> None:
        self._system, self._table = system, table
        self._lake, self._flush_seconds, self._capacity = lake, flush_seconds, capacity
        self._waiting: deque[Scored] = deque()
        self._rows = self._failures = 0
        self._problem: str | None = None
        self._lock, self._stop, self._wake = threading.Lock(), threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="prediction-log", daemon=True)

    @property
    def depth(self) -> int:
        """Rows that are not in the lake yet."""
        return self._rows

    @property
    def failures(self) -> int:
        """Appends that failed and were, or will be, tried again."""
        return self._failures

    @property
    def problem(self) -> str | None:
        """Why the last append failed."""
        return self._problem

    def start(self) -> None:
        """Begin to append."""
        self._thread.start()

    def put(self, batch: Scored) -> None:
        """Take rows in, all or none; never waits for the lake.

        Raises:
            ServiceUnavailableError: the queue is full because the lake is away.
        """
        rows = len(batch.ids)
        with self._lock:
            if self._rows + rows > self._capacity:
                raise ServiceUnavailableError(
                    f"the prediction log is full ({self._rows} rows wait): {self._problem or 'the lake is slow'}",
                    conn_id=CONN_ID,
                )
            self._waiting.append(batch)
            self._rows += rows
        if self._rows >= _ROWS_OF_A_COMMIT and not self._problem:
            self._wake.set()

    def close(self) -> None:
        """Append what waits, then stop; tells in the log how many rows could not be written."""
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()
        deadline = time.monotonic() + _CLOSE_SECONDS
        while self._waiting and not self._flush() and time.monotonic() < deadline:
            time.sleep(0.5)
        if self._rows:
            log.error("%d predictions were not logged: %s", self._rows, self._problem)

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.wait(self._flush_seconds)
            self._wake.clear()
            if not self._stop.is_set():
                self._flush()

    def _flush(self) -> bool:
        """Append all that waits in one commit; keep it for the next time if that fails."""
        with self._lock:
            batches = list(self._waiting)
        if not batches:
            return True
        rows = log_table(self._system, batches)
        try:
            self._lake.append(self._table, rows, PARTITIONS, widen=True)
        except Exception as error:  # whatever it was, the rows must stay for the next attempt
            self._failures += 1
            self._problem = str(error)
            log.warning("predictions wait, the lake refused %d rows: %s", rows.num_rows, error)
            return False
        with self._lock:
            for _ in batches:
                self._waiting.popleft()
            self._rows -= rows.num_rows
        self._problem = None
        return True

"""The prediction log: answers do not wait for what keeps it, and nothing that was answered is lost."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence

from ai_patterns.errors import ServiceUnavailableError
from ai_patterns.services.inference.log_sinks import LogSink
from ai_patterns.services.inference.logged import Scored

_CLOSE_SECONDS = 20.0

log = logging.getLogger(__name__)


class PredictionLog:
    """A bounded queue of prediction rows, written by one background thread.

    Args:
        sink: where they are written.
        flush_seconds: longest time that a row waits for its writing.
        capacity: most rows that wait; beyond it new ones are refused.
    """

    def __init__(self, sink: LogSink, *, flush_seconds: float = 2.0, capacity: int = 100_000) -> None:
        self._sink, self._flush_seconds, self._capacity = sink, flush_seconds, capacity
        self._waiting: deque[Scored] = deque()
        self._rows = self._failures = self._refused = 0
        self._problem: str | None = None
        self._lock, self._stop, self._wake = threading.Lock(), threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="prediction-log", daemon=True)

    @property
    def depth(self) -> int:
        """Rows that are not written yet."""
        return self._rows

    @property
    def refused(self) -> int:
        """Rows for which there was no room."""
        return self._refused

    @property
    def failures(self) -> int:
        """Writes that failed and were, or will be, tried again."""
        return self._failures

    @property
    def problem(self) -> str | None:
        """Why the last write failed."""
        return self._problem

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def put(self, batch: Scored) -> None:
        """Take rows in, all or none; never waits for the sink.

        Raises:
            ServiceUnavailableError: the queue is full because the sink is away.
        """
        rows = len(batch.ids)
        with self._lock:
            if self._rows + rows > self._capacity:
                self._refused += rows
                raise ServiceUnavailableError(
                    f"the prediction log is full ({self._rows} rows wait): "
                    f"{self._problem or f'{self._sink.name} is slow'}",
                    conn_id=self._sink.conn_id,
                )
            self._waiting.append(batch)
            self._rows += rows
        if self._rows >= self._sink.write_rows and not self._problem:
            self._wake.set()

    def close(self) -> None:
        """Write what waits, then stop; tells in the log how many rows could not be written."""
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
        """Write all that waits now; keep it for the next time if that fails."""
        left = self._rows
        while left > 0:
            batches, rows = self._oldest()
            if not self._write(batches, rows):
                return False
            left -= rows
        return True

    def _oldest(self) -> tuple[list[Scored], int]:
        """What is written in one go, and its number of rows."""
        batches, rows = list[Scored](), 0
        with self._lock:
            for batch in self._waiting:
                if rows >= self._sink.write_rows:
                    break
                batches.append(batch)
                rows += len(batch.ids)
        return batches, rows

    def _write(self, batches: Sequence[Scored], rows: int) -> bool:
        try:
            self._sink.write(batches)
        except Exception as error:  # whatever it was, the rows must stay for the next attempt
            self._failures += 1
            self._problem = str(error)
            log.warning("predictions wait, %s refused %d rows: %s", self._sink.name, rows, error)
            return False
        with self._lock:
            for _ in batches:
                self._waiting.popleft()
            self._rows -= rows
        self._problem = None
        return True

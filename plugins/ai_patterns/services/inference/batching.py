"""Requests that wait while others are scored are scored together; what cannot be answered in time is refused."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Any, Generic, Protocol, TypeVar

from ai_patterns.errors import ServiceUnavailableError


class OverloadedError(ServiceUnavailableError):
    """Too much is waiting, or it waited too long; the same request may be sent again."""


class Sized(Protocol):
    """One request's rows."""

    @property
    def rows(self) -> int: ...  # noqa: D102


J = TypeVar("J", bound=Sized)
R = TypeVar("R")


class Batcher(Generic[J, R]):
    """One thread that answers jobs, all that wait at once.

    No job waits for others to come: a batch is what arrived while the one before it was scored. The jobs of one turn of
    the event loop are handed over together, as each time wakes the thread, which then wants the loop's turn. The loop
    never waits for a store or a model, so health, metrics and refusals stay quick.

    Args:
        work: answers jobs in order; an error is the answer to all of them.
        max_rows: rows from which a batch takes no more jobs.
        capacity: most rows that wait or are scored; beyond it jobs are refused.
        deadline: seconds after which a job is refused, scored or not.
    """

    def __init__(
        self, work: Callable[[Sequence[J]], Sequence[R]], *, max_rows: int, capacity: int, deadline: float
    ) -> None:
        self._work, self._max_rows, self._capacity, self._deadline = work, max_rows, capacity, deadline
        self._arrived: _Batch[J, R] = _Batch()
        self._queue: SimpleQueue[_Batch[J, R] | None] = SimpleQueue()
        self._held = 0
        self._thread = threading.Thread(target=self._run, name="scoring", daemon=True)

    @property
    def held(self) -> int:
        """Rows that wait or are scored."""
        return self._held

    def start(self) -> None:
        """Begin to answer, for the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    def stop(self) -> None:
        """Answer what waits, then end."""
        self._queue.put(None)
        self._thread.join()

    async def answer(self, job: J) -> R:
        """The job's answer.

        Raises:
            OverloadedError: too many rows wait, or the deadline passed.
        """
        if self._held and self._held + job.rows > self._capacity:
            raise OverloadedError(f"{self._held} rows are being scored or wait; send the request again later")
        future: asyncio.Future[R] = self._loop.create_future()
        self._held += job.rows
        if not self._arrived.jobs:
            self._loop.call_soon(self._hand_over)
        self._arrived.add(job, future)
        return await future

    def _hand_over(self) -> None:
        arrived, self._arrived = self._arrived, _Batch()
        arrived.timers = [self._loop.call_later(self._deadline, _expire, tuple(arrived.futures), self._deadline)]
        self._queue.put(arrived)

    def _run(self) -> None:
        while (batch := self._queue.get()) is not None:
            last = False
            while batch.rows < self._max_rows and not last:
                try:
                    more = self._queue.get_nowait()
                except Empty:
                    break
                last = more is None
                if more is not None:
                    batch.take(more)
            self._answer(batch)
            if last:
                return

    def _answer(self, batch: _Batch[J, R]) -> None:
        wanted = [(job, future) for job, future in zip(batch.jobs, batch.futures, strict=True) if not future.done()]
        try:
            answers: Sequence[R | Exception] = self._work([job for job, _ in wanted]) if wanted else []
        except Exception as error:  # whatever it was, the requests that wait for it must hear of it
            answers = [error] * len(wanted)
        self._loop.call_soon_threadsafe(self._deliver, batch, [future for _, future in wanted], answers)

    def _deliver(
        self, batch: _Batch[J, R], futures: Sequence[asyncio.Future[R]], answers: Sequence[R | Exception]
    ) -> None:
        self._held -= batch.rows
        for timer in batch.timers:
            timer.cancel()
        for future, answer in zip(futures, answers, strict=True):
            if future.done():
                continue
            if isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(answer)


class _Batch(Generic[J, R]):
    """Jobs with what waits for their answers, and what refuses those whose deadline passes."""

    def __init__(self) -> None:
        self.jobs: list[J] = []
        self.futures: list[asyncio.Future[R]] = []
        self.timers: list[asyncio.TimerHandle] = []
        self.rows = 0

    def add(self, job: J, future: asyncio.Future[R]) -> None:
        self.jobs.append(job)
        self.futures.append(future)
        self.rows += job.rows

    def take(self, other: _Batch[J, R]) -> None:
        self.jobs += other.jobs
        self.futures += other.futures
        self.timers += other.timers
        self.rows += other.rows


def _expire(futures: Sequence[asyncio.Future[Any]], seconds: float) -> None:
    for future in futures:
        if not future.done():
            future.set_exception(OverloadedError(f"no answer within {seconds} s; send the request again later"))

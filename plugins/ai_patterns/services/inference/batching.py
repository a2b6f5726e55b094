"""Requests that wait while others are scored are scored together; what cannot be answered in time is refused."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Generic, Protocol, TypeVar

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

    No job waits for others to come: a batch is what arrived while the one before it was scored. The event loop never
    waits for a store or a model, so health, metrics and refusals stay quick.

    Args:
        work: answers jobs in order; an error is the answer to all of them.
        max_rows: most rows of a batch of several jobs.
        capacity: most rows that wait or are scored; beyond it jobs are refused.
        deadline: seconds after which a job is refused, scored or not.
    """

    def __init__(
        self, work: Callable[[Sequence[J]], Sequence[R]], *, max_rows: int, capacity: int, deadline: float
    ) -> None:
        self._work, self._max_rows, self._capacity, self._deadline = work, max_rows, capacity, deadline
        self._queue: SimpleQueue[tuple[J, asyncio.Future[R]] | None] = SimpleQueue()
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
        self._queue.put((job, future))
        timer = self._loop.call_later(self._deadline, _expire, future, self._deadline)
        try:
            return await future
        finally:
            timer.cancel()

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            batch, rows, last = [first], first[0].rows, False
            while rows < self._max_rows:
                try:
                    more = self._queue.get_nowait()
                except Empty:
                    break
                if more is None:
                    last = True
                    break
                batch.append(more)
                rows += more[0].rows
            self._answer(batch)
            if last:
                return

    def _answer(self, batch: Sequence[tuple[J, asyncio.Future[R]]]) -> None:
        wanted = [(job, future) for job, future in batch if not future.done()]
        held = sum(job.rows for job, _ in batch)
        try:
            answers: Sequence[R | Exception] = self._work([job for job, _ in wanted]) if wanted else []
        except Exception as error:  # whatever it was, the requests that wait for it must hear of it
            answers = [error] * len(wanted)
        self._loop.call_soon_threadsafe(self._deliver, [future for _, future in wanted], answers, held)

    def _deliver(self, futures: Sequence[asyncio.Future[R]], answers: Sequence[R | Exception], held: int) -> None:
        self._held -= held
        for future, answer in zip(futures, answers, strict=True):
            if future.done():
                continue
            if isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(answer)


def _expire(future: asyncio.Future[R], seconds: float) -> None:
    if not future.done():
        future.set_exception(OverloadedError(f"no answer within {seconds} s; send the request again later"))

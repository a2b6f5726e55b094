"""Requests that wait are scored together, each is answered, and none waits beyond its deadline."""

import asyncio
import threading
from dataclasses import dataclass

import pytest

from ai_patterns.services.inference.batching import Batcher, OverloadedError


@dataclass
class Job:
    name: int
    rows: int = 1


class Work:
    """Answers with the jobs' names as soon as it may."""

    def __init__(self):
        self.batches, self.may, self.busy = [], threading.Event(), threading.Event()
        self.may.set()

    def __call__(self, jobs):
        self.batches.append([job.name for job in jobs])
        self.busy.set()
        assert self.may.wait(10)
        return [10 * job.name for job in jobs]


def run(scenario, work, **bounds):
    async def whole():
        batcher = Batcher(work, **{"max_rows": 100, "capacity": 100, "deadline": 5.0, **bounds})
        batcher.start()
        try:
            return await scenario(batcher)
        finally:
            await asyncio.to_thread(batcher.stop)
            assert batcher.held == 0

    return asyncio.run(whole())


async def answers(batcher, *jobs):
    return await asyncio.gather(*(batcher.answer(job) for job in jobs), return_exceptions=True)


async def busy_with(batcher, work, job):
    """The thread scores the job until `work.may` is set."""
    work.may.clear()
    task = asyncio.create_task(batcher.answer(job))
    await asyncio.to_thread(work.busy.wait)
    return task


async def one_by_one(batcher, *jobs):
    """The jobs wait, each of a turn of its own."""
    tasks = []
    for job in jobs:
        tasks.append(asyncio.create_task(batcher.answer(job)))
        await asyncio.sleep(0.01)
    return tasks


def test_the_jobs_of_one_turn_are_one_batch_and_each_has_its_answer():
    work = Work()
    assert run(lambda batcher: answers(batcher, *map(Job, range(8))), work) == [10 * name for name in range(8)]
    assert work.batches == [list(range(8))]


def test_what_comes_while_others_are_scored_is_the_next_batch():
    work = Work()

    async def scenario(batcher):
        first = await busy_with(batcher, work, Job(1))
        later = await one_by_one(batcher, Job(2), Job(3), Job(4))
        work.may.set()
        return await asyncio.gather(first, *later)

    assert run(scenario, work) == [10, 20, 30, 40]
    assert work.batches == [[1], [2, 3, 4]]


def test_a_full_batch_takes_no_more():
    work = Work()

    async def scenario(batcher):
        first = await busy_with(batcher, work, Job(1))
        later = await one_by_one(batcher, Job(2, rows=5), Job(3, rows=5))
        work.may.set()
        return await asyncio.gather(first, *later)

    assert run(scenario, work, max_rows=5) == [10, 20, 30]
    assert work.batches == [[1], [2], [3]]


def test_beyond_the_capacity_jobs_are_refused_but_a_large_one_alone_is_not():
    async def scenario(batcher):
        large, refused = await answers(batcher, Job(1, rows=500), Job(2))
        return large, refused, await batcher.answer(Job(3))

    large, refused, later = run(scenario, Work())
    assert (large, later) == (10, 30)
    assert isinstance(refused, OverloadedError)


def test_at_the_deadline_all_that_wait_are_refused_and_what_was_not_begun_is_never_scored():
    work = Work()

    async def scenario(batcher):
        first = await busy_with(batcher, work, Job(1))
        refused = [await first_error(first), *await answers(batcher, Job(2), Job(3))]
        work.may.set()
        return refused, await batcher.answer(Job(4))

    refused, later = run(scenario, work, deadline=0.05)
    assert [type(error) for error in refused] == [OverloadedError] * 3
    assert later == 40
    assert work.batches == [[1], [4]]


def test_a_job_that_is_scored_with_an_earlier_one_keeps_its_own_deadline():
    batches, busy, gates = [], threading.Event(), [threading.Event(), threading.Event()]

    def work(jobs):
        gate = gates[len(batches)]
        batches.append([job.name for job in jobs])
        busy.set()
        assert gate.wait(10)
        return [10 * job.name for job in jobs]

    async def scenario(batcher):
        first = asyncio.create_task(batcher.answer(Job(1)))
        await asyncio.to_thread(busy.wait)
        (early,) = await one_by_one(batcher, Job(2))
        await asyncio.sleep(0.5)
        (late,) = await one_by_one(batcher, Job(3))
        gates[0].set()
        assert await first == 10
        with pytest.raises(OverloadedError):
            await early
        assert not late.done()
        gates[1].set()
        return await late

    assert run(scenario, work, deadline=1.0) == 30
    assert batches == [[1], [2, 3]]


async def first_error(task):
    with pytest.raises(OverloadedError, match=r"no answer within 0\.05 s") as caught:
        await task
    return caught.value


def test_an_error_is_the_answer_to_all_and_the_next_batch_is_scored():
    failing = iter([True, False])

    def work(jobs):
        if next(failing):
            raise KeyError("broken")
        return [job.name for job in jobs]

    async def scenario(batcher):
        return await answers(batcher, Job(1), Job(2)), await answers(batcher, Job(3))

    broken, fine = run(scenario, work)
    assert [type(error) for error in broken] == [KeyError, KeyError]
    assert fine == [3]


def test_a_caller_that_went_away_is_not_scored():
    work = Work()

    async def scenario(batcher):
        first = await busy_with(batcher, work, Job(1))
        gone, stays = await one_by_one(batcher, Job(2), Job(3))
        gone.cancel()
        await asyncio.sleep(0)
        work.may.set()
        return await asyncio.gather(first, stays)

    assert run(scenario, work) == [10, 30]
    assert work.batches == [[1], [3]]


def test_what_waits_when_it_stops_is_answered():
    work = Work()

    async def whole():
        batcher = Batcher(work, max_rows=100, capacity=100, deadline=5.0)
        batcher.start()
        first = await busy_with(batcher, work, Job(1))
        later = await one_by_one(batcher, Job(2))
        ending = asyncio.create_task(asyncio.to_thread(batcher.stop))
        await asyncio.sleep(0.01)
        work.may.set()
        await ending
        return await asyncio.gather(first, *later)

    assert asyncio.run(whole()) == [10, 20]

"""A landing that is killed at any moment, under load, loses nothing and doubles nothing."""

import os
import random
import signal
import threading
import time
import uuid

import pyarrow as pa
import pytest

from ai_patterns.clients.dead_letters import read_letters
from ai_patterns.clients.fenced_table import FencedTable
from ai_patterns.clients.kafka import Broker, Record
from ai_patterns.clients.lake import Lake
from ai_patterns.core.messages import OFFSET, PARTITION, decode
from ai_patterns.jobs import landing
from ai_patterns.jobs.landed import lag, landed_offsets
from ai_patterns.jobs.landing import land, utc_now
from landing_process import Order, forks, run
from plant import NOW, plant, value
from soak_figures import add_figures

STAMP = int(NOW.timestamp() * 1000)
BAD = (b'{"id": "%d', b'{"id": %d}', b'{"id": "r%d", "\xff": 1}', b"%d")


class Load(threading.Thread):
    """Sends readings, each thirteenth a bad one, until it is stopped."""

    def __init__(self, broker: Broker, topic: str) -> None:
        super().__init__(daemon=True)
        self.broker, self.topic, self.sent, self.stopped = broker, topic, 0, threading.Event()

    def run(self) -> None:
        with self.broker.producer() as producer:
            while not self.stopped.wait(0.02):
                for _ in range(20):
                    producer.send(self.topic, record(self.sent))
                    self.sent += 1


def record(number: int) -> Record:
    bad = BAD[number % len(BAD)] % number
    content = bad if number % 13 == 0 else value(id=f"r{number}", heat=number / 8, level=number % 10)
    return Record(content, b"%d" % number, (("number", b"%d" % number),), STAMP, number % 2)


@pytest.fixture(scope="module")
def spawn():
    """Starts landings; each is a fork of one process that has imported everything."""
    context, children = forks(), []

    def start(kafka, lake, topic, **more):
        told = context.SimpleQueue()
        child = context.Process(target=run, args=(Order(kafka.address, lake.uri, topic, **more), told), daemon=True)
        child.start()
        children.append((child, told))  # the queue must outlive the child's start
        return child, told

    yield start
    for child, _ in children:
        child.kill()


@pytest.fixture
def broker(kafka) -> Broker:
    return Broker(kafka.address)


@pytest.fixture
def topic(broker) -> str:
    name = f"plant.readings-{uuid.uuid4().hex[:8]}"
    broker.create_topic(name, 2)
    return name


@pytest.fixture
def lake(tmp_path) -> Lake:
    return Lake(str(tmp_path / "lake"), "plant")


def wanted(broker, topic) -> tuple[pa.Table, list[tuple]]:
    """What the topic holds, read apart: rows, and refused messages with their places."""
    with broker.reader(topic) as reader:
        reader.assign()
        messages = list(reader.read_to_end())
    decoded = decode(plant(topic).streams["readings"], messages, now=utc_now())
    refused = [messages[item.index] for item in decoded.refused]
    return decoded.rows, sorted(((item.partition, item.offset), item.key, item.value, item.headers) for item in refused)


def numbers(broker, topic) -> set[int]:
    """Which records the topic holds; one that a killed broker did not confirm may be there twice."""
    with broker.reader(topic) as reader:
        reader.assign()
        return {int(message.key) for message in reader.read_to_end()}


def compare(broker, topic, lake, figures) -> None:
    """Hold the lake and the dead letters against the topic, row by row; count what is lost and doubled."""
    rows, refused = wanted(broker, topic)
    order = [(PARTITION, "ascending"), (OFFSET, "ascending")]
    found = lake.read("landed/readings").select(rows.column_names).sort_by(order)
    letters = sorted(
        (item.source, item.message.key, item.message.value, item.message.headers)
        for item in read_letters(broker, topic)
    )
    for expected, got in (places(rows), places(found)), (firsts(refused), firsts(letters)):
        figures["lost"] += len(set(expected) - set(got))
        figures["doubled"] += len(got) - len(set(got))
    assert (figures["lost"], figures["doubled"]) == (0, 0)
    assert found.equals(rows.sort_by(order))
    assert letters == refused


def firsts(items: list[tuple]) -> list:
    return [item[0] for item in items]


def places(rows: pa.Table) -> list[tuple[int, int]]:
    return list(zip(rows[PARTITION].to_pylist(), rows[OFFSET].to_pylist(), strict=True))


def test_kills_at_any_moment_under_load(kafka, broker, topic, lake, spawn, request) -> None:
    kills, figures = request.config.getoption("--kills"), {"crash_points": 0, "kills": 0, "lost": 0, "doubled": 0}
    load, seeded, survived, others = Load(broker, topic), random.Random(11), 0, []
    load.start()
    child, told = spawn(kafka, lake, topic, seconds=1)
    child.join(60)
    steps = told.get()
    for number in range(kills):
        if number % 2:
            figures["kills"] += 1
            child, _ = spawn(kafka, lake, topic, seconds=60)
            if number % 4 == 1:  # two at a time; the second one takes over, and goes on beside the next ones
                others.append(spawn(kafka, lake, topic, seconds=5)[0])
            if number == kills // 2 | 1:
                restart(kafka)
            child.join(seeded.uniform(0.2, 1.6))
            child.kill()
        else:
            figures["crash_points"] += 1
            tenth = number // 2 % 10
            fatal = seeded.randint(tenth * steps // 10 + 1, (tenth + 1) * steps // 10)
            child, _ = spawn(kafka, lake, topic, seconds=1.5, fatal=fatal)
        child.join(60)
        survived += child.exitcode != -signal.SIGKILL
        print(f"{number + 1} of {kills}: {figures}, {load.sent} sent", flush=True)
    load.stopped.set()
    load.join(60)
    for child in others:  # one that takes over only now would end the last landing
        child.join(60)
    land(plant(topic), lake, broker, "readings")
    compare(broker, topic, lake, figures)
    assert numbers(broker, topic) == set(range(load.sent))
    assert survived <= kills / 2, f"{survived} were killed too late"
    add_figures(request.config.getoption("--figures"), "landing", figures)


def restart(kafka) -> None:
    for group in kafka.groups:
        os.killpg(group, signal.SIGKILL)
    assert kafka.up(), "it was dead"


def test_a_landing_outlives_its_broker(kafka, broker, topic, lake, spawn) -> None:
    load = Load(broker, topic)
    load.start()
    child, told = spawn(kafka, lake, topic, seconds=10)
    child.join(3)
    restart(kafka)
    child.join(150)
    outcome = told.get()  # steps where it went on, or an error that is to be tried again
    assert isinstance(outcome, int) or outcome.startswith("ServiceUnavailableError: Kafka at "), outcome
    load.stopped.set()
    load.join(60)
    land(plant(topic), lake, broker, "readings")
    compare(broker, topic, lake, {"lost": 0, "doubled": 0})
    assert numbers(broker, topic) == set(range(load.sent))


def test_two_landings_take_turns(kafka, broker, topic, lake, spawn) -> None:
    send(broker, topic, range(200))
    first, told = spawn(kafka, lake, topic, seconds=60)
    wait_for(lambda: lag(lake, broker, {"readings": topic}) == {"readings": 0})
    send(broker, topic, range(200, 210))
    wait_for(lambda: lag(lake, broker, {"readings": topic}) == {"readings": 0})
    assert land(plant(topic), lake, broker, "readings", until=utc_now()).rows == 0  # it takes over
    send(broker, topic, range(210, 400))
    first.join(60)
    assert told.get().startswith("FencedError: ")
    assert land(plant(topic), lake, broker, "readings").rows == 176
    compare(broker, topic, lake, {"lost": 0, "doubled": 0})


def test_a_full_disk_leaves_nothing_half_written(kafka, broker, topic, lake, spawn) -> None:
    send(broker, topic, range(5_000))
    child, told = spawn(kafka, lake, topic, room=16_000)
    child.join(60)
    assert told.get().startswith("ServiceUnavailableError: rows cannot be written to ")
    assert landed_offsets(plant(topic), lake, "readings") == {}
    assert lake.read("landed/readings").num_rows == 0
    assert land(plant(topic), lake, broker, "readings").rows == 5_000 - 385
    compare(broker, topic, lake, {"lost": 0, "doubled": 0})


def test_what_was_refused_before_a_crash_stays_refused(broker, topic, lake, monkeypatch) -> None:
    """Each run has another rule, and the first two die: no run may take back what another one decided."""
    send(broker, topic, range(100))
    die_at_rows(monkeypatch, broker, lake, plant_with(topic, max=4), after=0)
    first = [item.source for item in read_letters(broker, topic)]
    assert len(first) == 8 + 46
    monkeypatch.setattr(landing, "BATCH_MESSAGES", 10)
    monkeypatch.setattr(landing, "_POLL", 10)
    die_at_rows(monkeypatch, broker, lake, plant_with(topic, min=3), after=2)
    refused = [item.source for item in read_letters(broker, topic)]
    assert refused[: len(first)] == first
    assert len(refused) > len(first)
    land(plant_with(topic, max=4), lake, broker, "readings")
    letters = [item.source for item in read_letters(broker, topic)]
    landed = places(lake.read("landed/readings"))
    assert sorted(letters + landed) == [(partition, offset) for partition in (0, 1) for offset in range(50)]


def plant_with(topic, **bounds):
    """The plant with other bounds of `level`."""
    system = plant(topic)
    readings = system.streams["readings"]
    level = readings.columns["level"].model_copy(update={"max": None, **bounds})
    other = readings.model_copy(update={"columns": {**readings.columns, "level": level}})
    return system.model_copy(update={"streams": {"readings": other}})


def die_at_rows(monkeypatch, broker, lake, system, *, after: int) -> None:
    """Land until rows are to be committed for the n-th time, then fail before the commit."""
    plain, commits = FencedTable.append, 0

    def fail(table, rows, positions) -> None:
        nonlocal commits
        commits += bool(positions)
        if commits > after:
            raise ZeroDivisionError
        plain(table, rows, positions)

    with monkeypatch.context() as patch:
        patch.setattr(FencedTable, "append", fail)
        with pytest.raises(ZeroDivisionError):
            land(system, lake, broker, "readings")


def wait_for(condition) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def send(broker, topic, numbers) -> None:
    with broker.producer() as producer:
        for number in numbers:
            producer.send(topic, record(number))

"""Dead letters go back into their topic once, whatever kills the replay."""

import random
import signal
import uuid

import pytest

from ai_patterns.clients.dead_letters import read_letters
from ai_patterns.clients.kafka import Broker, Record
from ai_patterns.clients.lake import Lake
from ai_patterns.errors import FencedError
from ai_patterns.jobs.dead_letters import count_letters, replay, waiting_letters
from ai_patterns.jobs.landing import land
from landing_process import forks, replay_and_die
from plant import plant, value


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


def hot(number: int) -> Record:
    """A reading that the declared bound refuses."""
    return Record(value(id=f"r{number}", level=11), b"k", (("trace", b"%d" % number),), partition=number % 2)


def mended(topic):
    """The plant, its bound mended."""
    system = plant(topic)
    readings = system.streams["readings"]
    level = readings.columns["level"].model_copy(update={"max": None})
    columns = {**readings.columns, "level": level}
    return system.model_copy(update={"streams": {"readings": readings.model_copy(update={"columns": columns})}})


def send(broker, topic, *records) -> None:
    with broker.producer() as producer:
        for record in records:
            producer.send(topic, record)


def test_after_a_fix_letters_land_once(broker, topic, lake) -> None:
    send(broker, topic, *(hot(number) for number in range(20)), Record(b"{", b"k", partition=0))
    system = plant(topic)
    assert land(system, lake, broker, "readings").refused == {"range": 20, "truncated": 1}
    bound, cut = "range: level: outside any to 10", "truncated: Input data was truncated"
    assert count_letters(system, broker, "readings") == {bound: 20, cut: 1}
    assert replay(system, broker, "readings", reason="range") == 20
    assert count_letters(system, broker, "readings") == {cut: 1}
    assert replay(system, broker, "readings", reason="range") == 0
    assert land(mended(topic), lake, broker, "readings").rows == 20
    assert sorted(lake.read("landed/readings")["id"].to_pylist()) == sorted(f"r{number}" for number in range(20))
    assert len(list(read_letters(broker, topic))) == 21, "a replay leaves the letters"


def test_a_replay_brings_back_key_value_and_headers(broker, topic, lake) -> None:
    sent = Record(b"\xff", b"\x00", (("trace", b"\x80"), ("none", None)), partition=1)
    send(broker, topic, sent)
    land(plant(topic), lake, broker, "readings")
    replay(plant(topic), broker, "readings")
    with broker.reader(topic) as reader:
        reader.assign()
        found = [Record(each.value, each.key, each.headers, None, each.partition) for each in reader.read_to_end()]
    assert found == [sent, sent]


def test_a_message_that_fails_again_is_a_new_letter(broker, topic, lake) -> None:
    send(broker, topic, hot(1))
    system = plant(topic)
    land(system, lake, broker, "readings")
    for offset in (0, 1, 3):  # one offset is the mark of a transaction
        assert [letter.source for letter in waiting_letters(system, broker, "readings")] == [(1, offset)]
        assert replay(system, broker, "readings") == 1
        assert land(system, lake, broker, "readings").refused == {"range": 1}


def test_a_killed_replay_goes_on_where_it_died(broker, topic, lake) -> None:
    send(broker, topic, *(hot(number) for number in range(60)))
    land(plant(topic), lake, broker, "readings")
    context, seeded = forks(), random.Random(3)
    for _ in range(5):
        child = context.Process(target=replay_and_die, args=(broker.servers, topic, seeded.randint(1, 15)))
        child.start()
        child.join(60)
        assert child.exitcode == -signal.SIGKILL
    replay(plant(topic), broker, "readings")
    assert land(mended(topic), lake, broker, "readings").rows == 60
    assert sorted(lake.read("landed/readings")["id"].to_pylist()) == sorted(f"r{number}" for number in range(60))


def test_a_second_replay_takes_over(broker, topic, lake) -> None:
    send(broker, topic, hot(1))
    system = plant(topic)
    land(system, lake, broker, "readings")
    with broker.transactional("ai-patterns.plant.readings.replay") as first:
        assert replay(system, broker, "readings") == 1
        with pytest.raises(FencedError), first.transaction():
            first.send(topic, hot(1))

"""The stream worker as a process: it tells how it is, drains, is fenced, and stops with the remedy."""

from __future__ import annotations

import signal

import httpx

from click_worker import broker, catch_up, counted, folded, folder, load, start, store, topic_of, wait_until

__all__ = ["broker", "folder", "load", "start", "store"]


def test_it_tells_how_it_is_and_drains(start, store, broker, load) -> None:
    worker = start()
    wait_until(lambda: folded(store) > 500)
    assert httpx.get(f"{worker.url}/health").json()["lag"] >= 0
    metrics = httpx.get(f"{worker.url}/metrics").text
    counters = ("folded_events_total", "refused_messages_total", "left_out_events_total")
    for name in (*counters, "watermark_seconds", "lag_messages"):
        assert f'ai_patterns_stream_{name}{{stream="events"}}' in metrics
    worker.process.send_signal(signal.SIGTERM)
    assert worker.wait() == 0


def test_a_worker_that_is_replaced_is_fenced(start, store, broker, load) -> None:
    first = start()
    wait_until(lambda: folded(store) > 200)
    second = start()
    assert first.wait() == 1
    assert "another worker took partition" in first.log.read_text()
    load.end()
    catch_up(store, broker)
    assert second.process.poll() is None
    assert counted(store) == len(load.ids)


def test_two_workers_share_the_partitions(start, store, broker, load) -> None:
    workers = [start("0/2"), start("1/2")]
    wait_until(lambda: len(store.offsets().get(topic_of(store), {})) == 2)
    load.end()
    catch_up(store, broker)
    assert [worker.process.poll() for worker in workers] == [None, None]
    assert counted(store) == len(load.ids)


def test_a_topic_made_anew_stops_it_with_the_remedy(start, store, broker) -> None:
    claims = {partition: store.claim(topic_of(store), partition) for partition in (0, 1)}
    assert claims
    store.rewind(topic_of(store), 0, 10_000)
    worker = start()
    assert worker.wait() == 1
    assert "made anew or shortened" in worker.log.read_text()

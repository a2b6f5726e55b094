from __future__ import annotations

import asyncio

import pytest

from ai_patterns.services.features.redis_link import RedisLink, RedisPlace

GREETED = b"%1\r\n+proto\r\n:3\r\n+OK\r\n"


async def _serve(reply: bytes | None, greeted: bytes = GREETED) -> tuple[asyncio.Server, RedisLink]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(greeted)
        await reader.read(100)
        if reply is not None:
            writer.write(reply)
            await asyncio.sleep(5)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    return server, RedisLink(RedisPlace("127.0.0.1", server.sockets[0].getsockname()[1]))


@pytest.mark.parametrize(("reply", "told"), [(b"-WRONGTYPE no\r\n", "refuses: WRONGTYPE"), (None, "closed")])
def test_what_redis_refuses_or_breaks_off_is_an_error(reply: bytes | None, told: str) -> None:
    async def run() -> None:
        server, link = await _serve(reply)
        async with server:
            with pytest.raises(OSError, match=told):
                await link.ask(b"*1\r\n$4\r\nPING\r\n", 1)
            link.close()

    asyncio.run(run())


def test_a_silent_redis_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ai_patterns.services.features.redis_link.ANSWER_SECONDS", 0.1)

    async def run() -> None:
        server, link = await _serve(b"+half of a rep")
        async with server:
            with pytest.raises(TimeoutError, match=r"0\.1 s"):
                await link.ask(b"*1\r\n$4\r\nPING\r\n", 1)

    asyncio.run(run())


def test_requests_at_a_time_get_their_own_replies() -> None:
    async def run() -> None:
        server, link = await _serve(b"+a\r\n+b\r\n+c\r\n")
        async with server:
            first, second = await asyncio.gather(link.ask(b"x", 1), link.ask(b"y", 2))
            assert (first, second) == ([b"a"], [b"b", b"c"])
            link.close()

    asyncio.run(run())


def test_what_changed_is_told_in_the_order_of_the_wire() -> None:
    """The first row's reply is out of date when the second one's is read."""
    told: list[object] = []

    async def run() -> None:
        server, link = await _serve(b"+a\r\n>2\r\n+invalidate\r\n*1\r\n$1\r\nk\r\n+b\r\n>2\r\n+invalidate\r\n_\r\n")
        async with server:
            link.changed = told.append
            await link.ask(b"x", 2, lambda number, reply: told.append((number, reply)))
            link.close()

    asyncio.run(run())
    assert told == [None, (0, b"a"), [b"k"], (1, b"b"), None]


def test_a_reply_that_cannot_be_read_is_the_error_of_who_asked() -> None:
    def arrived(number: int, reply: object) -> None:
        raise ValueError(f"{number}: {reply!r}")

    async def run() -> None:
        server, link = await _serve(b"+a\r\n+b\r\n")
        async with server:
            first, second = link.ask(b"x", 1, arrived), link.ask(b"y", 1)
            found = await asyncio.gather(first, second, return_exceptions=True)
            assert (repr(found[0]), found[1]) == ("ValueError(\"0: b'a'\")", [b"b"])
            link.close()

    asyncio.run(run())


@pytest.mark.parametrize(("greeted", "tracks"), [(GREETED, True), (b"-ERR unknown\r\n-ERR unknown\r\n", False)])
def test_an_old_redis_tells_no_changes(greeted: bytes, tracks: bool) -> None:
    async def run() -> None:
        server, link = await _serve(b"+a\r\n", greeted)
        async with server:
            assert await link.ask(b"x", 1) == [b"a"]
            assert link.tracks == tracks
            link.close()

    asyncio.run(run())

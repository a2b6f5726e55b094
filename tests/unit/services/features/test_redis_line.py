from __future__ import annotations

import asyncio

import pytest

from ai_patterns.services.features.redis_line import RedisLink, RedisPlace


async def _serve(reply: bytes | None) -> tuple[asyncio.Server, RedisLink]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
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
    monkeypatch.setattr("ai_patterns.services.features.redis_line.ANSWER_SECONDS", 0.1)

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

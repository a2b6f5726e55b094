from __future__ import annotations

import pytest

from ai_patterns.services.edge.callers import Callers, RateLimit, parse_keys
from ai_patterns.services.edge.errors import RequestError


def status(callers: Callers, *headers: tuple[bytes, bytes], write: bool = False) -> int:
    try:
        callers.admit(headers, "127.0.0.1", write=write)
    except RequestError as error:
        return error.status
    return 200


def test_keys_have_names() -> None:
    assert parse_keys("") == {}
    assert parse_keys("a=1=2, plain") == {"a": "1=2", "key-2": "plain"}


@pytest.mark.parametrize("name", [b"Bearer w", b"tecton-key w", b"BEARER w"])
def test_a_key_comes_in_either_header(name: bytes) -> None:
    callers = Callers({"writer": "w"})
    assert status(callers, (b"authorization", name), write=True) == 200
    assert status(callers, (b"x-api-key", b"w"), write=True) == 200


def test_who_may_do_what() -> None:
    callers = Callers({"writer": "w"}, {"reader": "r"})
    found = {key: (status(callers, (b"x-api-key", key)), status(callers, (b"x-api-key", key), write=True)) for key in
             (b"w", b"r", b"x", b"\xff")}  # fmt: skip
    assert found == {b"w": (200, 200), b"r": (200, 403), b"x": (401, 401), b"\xff": (401, 401)}
    assert (status(callers), status(callers, write=True)) == (401, 401)


def test_without_keys_all_may_read_and_none_write() -> None:
    assert (status(Callers()), status(Callers(), (b"x-api-key", b""), write=True)) == (200, 403)


def test_a_caller_waits_for_its_own_tokens_alone() -> None:
    now = [0.0]
    limit = RateLimit(2, lambda: now[0])
    limit.take("a")
    limit.take("a")
    with pytest.raises(RequestError, match="2 requests") as refused:
        limit.take("a")
    assert (refused.value.status, refused.value.retry_after) == (429, 1)
    limit.take("b")
    now[0] = 0.5
    limit.take("a")
    with pytest.raises(RequestError):
        limit.take("a")

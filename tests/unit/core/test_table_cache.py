"""What is kept, and what goes first."""

import pyarrow as pa

from ai_patterns.core.table_cache import TableCache

PAIR = pa.table({"a": [1, 2]})


def made(cache: TableCache, key: str | None, *, first_to_go: bool = False) -> bool:
    """Whether a table of 16 bytes had to be made."""
    calls: list[str | None] = []

    def make() -> pa.Table:
        calls.append(key)
        return PAIR

    assert cache.get(key, make, first_to_go=first_to_go) is PAIR
    return bool(calls)


def test_the_least_recently_used_goes_where_all_would_be_too_large() -> None:
    cache = TableCache(40)
    assert [made(cache, key) for key in ("a", "b", "a", "c", "a", "b")] == [True, True, False, True, False, True]


def test_what_is_first_to_go_takes_no_other_tables_place() -> None:
    cache = TableCache(40)
    assert [made(cache, key) for key in ("a", "b")] == [True, True]
    assert [made(cache, "file", first_to_go=True) for _ in range(2)] == [True, True]
    assert [made(cache, key) for key in ("a", "b")] == [False, False]


def test_without_a_key_it_is_made_each_time() -> None:
    cache = TableCache(40)
    assert [made(cache, None), made(cache, None)] == [True, True]

"""Who may call, and how often."""

from __future__ import annotations

import hmac
import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from ai_patterns.services.edge.errors import RequestError

_PREFIXES = ("bearer ", "tecton-key ")
_REMEMBERED = 10_000
"""Callers whose allowance is kept; one beyond them begins anew."""


def parse_keys(text: str) -> dict[str, str]:
    """Read `name=key` pairs, separated by commas; a key without a name is called by its place.

    >>> parse_keys("airflow=s3cret, other")
    {'airflow': 's3cret', 'key-2': 'other'}
    """
    keys: dict[str, str] = {}
    for number, part in enumerate(filter(None, (item.strip() for item in text.split(","))), start=1):
        name, equals, key = part.partition("=")
        keys[name if equals else f"key-{number}"] = key if equals else part
    return keys


@dataclass(frozen=True)
class Callers:
    """The keys that are known.

    Attributes:
        writers: name -> key of those who may change something, and read.
        readers: name -> key of those who may read. With none, everybody may.
        limit: how often each of them may call; those without a key are told apart by their address.
    """

    writers: Mapping[str, str] = field(default_factory=dict, repr=False)
    readers: Mapping[str, str] = field(default_factory=dict, repr=False)
    limit: RateLimit | None = None

    def admit(self, headers: Iterable[tuple[bytes, bytes]], address: str, *, write: bool) -> None:
        """Let a request pass, or not.

        Raises:
            RequestError: 401 without the right key, 403 where the key does not suffice, 429 too often.
        """
        if not write and not self.readers and self.limit is None:
            return
        sent = _sent_key(headers)
        writer, reader = _name_of(sent, self.writers), _name_of(sent, self.readers)
        if write and writer is None:
            raise self._refusal(known=reader is not None)
        if self.readers and writer is None and reader is None:
            raise RequestError("the key is missing or wrong", status=401)
        if self.limit is not None:
            self.limit.take(writer or reader or address)

    def _refusal(self, known: bool) -> RequestError:
        if not self.writers:
            problem = "this needs a key, and the service runs without one: set AI_PATTERNS_WRITE_KEYS"
            return RequestError(problem, status=403)
        if known:
            return RequestError("this key may read only", status=403)
        return RequestError("the key is missing or wrong", status=401)


class RateLimit:
    """A token bucket a caller: `per_second` requests in the long run, as many at once.

    Args:
        per_second: at least 1.
        clock: seconds that only grow.
    """

    def __init__(self, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second, self._clock = per_second, clock
        self._left: dict[str, tuple[float, float]] = {}

    def take(self, caller: str) -> None:
        """Count one request.

        Raises:
            RequestError: 429, with the seconds until the next one may pass.
        """
        now = self._clock()
        left, since = self._left.get(caller, (self._per_second, now))
        left = min(self._per_second, left + (now - since) * self._per_second)
        if left < 1:
            wait = math.ceil((1 - left) / self._per_second)
            raise RequestError(f"more than {self._per_second:g} requests a second", status=429, retry_after=wait)
        if len(self._left) >= _REMEMBERED and caller not in self._left:
            self._left.pop(next(iter(self._left)))
        self._left[caller] = (left - 1, now)


def _sent_key(headers: Iterable[tuple[bytes, bytes]]) -> str:
    for name, value in headers:
        if name == b"x-api-key":
            return value.decode("latin-1")
        if name == b"authorization":
            text = value.decode("latin-1")
            for prefix in _PREFIXES:
                if text.lower().startswith(prefix):
                    return text[len(prefix) :]
    return ""


def _name_of(sent: str, keys: Mapping[str, str]) -> str | None:
    found = None
    for name, key in keys.items():  # all of them, so that the time tells nothing
        if hmac.compare_digest(sent.encode(), key.encode()):
            found = name
    return found

"""Why a message is refused: what the reading of its bytes or of its JSON tells, as a class, a field and words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from ai_patterns.errors import MissingDependencyError

try:
    import msgspec
except ImportError:
    raise MissingDependencyError("msgspec", "kafka") from None

LARGEST_VALUE = 262_144
"""Bytes of a message's value above which it is refused."""

Kind = Literal[
    "null key", "empty value", "oversized", "encoding", "truncated", "malformed", "missing field", "unknown field",
    "type", "not_null", "values", "range", "pattern", "unique", "future",
]  # fmt: skip

_NAMED = re.compile(r"(?P<kind>missing required|unknown) field `(?P<field>.*)`$|- at `\$\.(?P<place>.*)`$", re.DOTALL)


@dataclass(frozen=True)
class Reason:
    """Why a message is refused.

    Attributes:
        kind: the class of fault.
        field: the field at fault, empty where it is the whole message.
        detail: what is wrong, in words.
    """

    kind: Kind
    field: str
    detail: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.kind, self.field, self.detail) if part)


def unread(key: bytes | None, value: bytes | None) -> Reason:
    """Why a message is refused before its value is read.

    >>> str(unread(b"k", b""))
    'empty value: the message has no value'
    """
    if not value:
        return Reason("empty value", "", "the message has no value")
    if key is None:
        return Reason("null key", "", "the message has no key")
    return Reason("oversized", "", f"{len(value)} bytes, at most {LARGEST_VALUE}")


def unparsed(value: bytes, error: Exception) -> Reason:
    """Why a value is no row, from the JSON decoder's error.

    >>> unparsed(b"", msgspec.ValidationError("Expected `str | null`, got `int` - at `$.origin`"))
    Reason(kind='type', field='origin', detail='Expected `str | null`, got `int`')
    """
    try:
        value.decode("utf-8")
    except UnicodeDecodeError as fault:
        return Reason("encoding", "", f"no UTF-8 at byte {fault.start}")
    text = str(error)
    if not isinstance(error, msgspec.ValidationError):
        return Reason("truncated" if "truncated" in text else "malformed", "", text)
    found = _NAMED.search(text)
    if found is None or found["kind"] is None:
        return Reason("type", found["place"] if found else "", text.split(" - at ", maxsplit=1)[0])
    kind: Kind = "missing field" if found["kind"] == "missing required" else "unknown field"
    return Reason(kind, found["field"][:200], "")

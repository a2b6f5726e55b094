"""Feast's bytes for one entity and one value, without Feast: its import takes seconds of a server's start.

Entity keys are `serialize_entity_key` version 3; values are `feast.types.Value` as protobuf encodes it
(https://protobuf.dev/programming-guides/encoding/), of the five types that a repository of ours holds.
"""

from __future__ import annotations

import datetime as dt
import struct
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from ai_patterns.clients.tile_notes import CONN_ID
from ai_patterns.errors import ServiceUnavailableError

_STRING, _INT64 = 2, 4
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_DOUBLE = struct.Struct("<d")


def key_writer(texts: Mapping[str, bool]) -> Callable[[Sequence[Any]], bytes]:
    """What writes an entity's key: the sorted names, then the values in that order.

    Args:
        texts: join key -> whether its values are strings, else integers; its order is that of the values. Without a
            key it is Feast's stand-in for an entity.
    """
    if not texts:
        return partial(_write, _prefix(["__dummy_id"]) + struct.pack("<2I", _STRING, 0), ())
    names = list(texts)
    order = sorted(range(len(names)), key=names.__getitem__)
    return partial(_write, _prefix(sorted(names)), tuple((place, texts[names[place]]) for place in order))


def decode_value(content: bytes) -> Any:
    """A serialized `Value` as Python's; None where it is null.

    Raises:
        ServiceUnavailableError: it is of another type.
    """
    if not content:
        return None
    tag = content[0]
    if tag == 0x29:  # double_val, 64 bits
        return _DOUBLE.unpack_from(content, 1)[0]
    number, place = _varint(content)
    if tag == 0x12:  # string_val, its length before it
        return content[place : place + number].decode()
    if tag == 0x20:  # int64_val
        return number - (1 << 64) if number >> 63 else number
    if tag == 0x38:  # bool_val
        return bool(number)
    raise ServiceUnavailableError(f"the online store holds a value of an unknown type (tag {tag})", conn_id=CONN_ID)


def to_instant(value: int | None) -> dt.datetime | None:
    """Microseconds since 1970, as a repository of ours keeps instants, as an instant in UTC."""
    return None if value is None else _EPOCH + dt.timedelta(microseconds=value)


def _prefix(names: Sequence[str]) -> bytes:
    written = (struct.pack("<2I", _STRING, len(name.encode())) + name.encode() for name in names)
    return struct.pack("<I", len(names)) + b"".join(written)


def _write(prefix: bytes, places: Sequence[tuple[int, bool]], key: Sequence[Any]) -> bytes:
    parts = [prefix]
    for place, is_text in places:
        if is_text:
            text = key[place].encode()
            parts.append(struct.pack("<2I", _STRING, len(text)) + text)
        else:
            parts.append(struct.pack("<2Iq", _INT64, 8, key[place]))
    return b"".join(parts)


def _varint(content: bytes) -> tuple[int, int]:
    number, shift, place = 0, 0, 1
    while content[place] & 0x80:
        number |= (content[place] & 0x7F) << shift
        shift, place = shift + 7, place + 1
    return number | content[place] << shift, place + 1

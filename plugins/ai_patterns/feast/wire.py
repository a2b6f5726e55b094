"""Protocol Buffers' wire format, written for whole columns at once.

Every function takes and gives columns (Arrow arrays of type binary, one value a row); a null row stays null.
Source: https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


def tag(number: int, wire_type: int) -> bytes:
    r"""What stands before a field's value.

    >>> tag(5, FIXED64)
    b')'
    >>> tag(20, BYTES)
    b'\xa2\x01'
    """
    key = number << 3 | wire_type
    return bytes([key]) if key < 128 else bytes([key & 127 | 128, key >> 7])


def varints(values: npt.NDArray[np.int64]) -> pa.Array:
    r"""Each integer as a base 128 varint; a negative one takes ten bytes.

    >>> varints(np.array([1, 300, -1])).to_pylist()
    [b'\x01', b'\xac\x02', b'\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01']
    """
    rest = values.astype(np.int64, copy=False).view(np.uint64)
    lengths = np.ones(len(rest), np.int32)
    for bits in range(7, 64, 7):
        more = rest >= np.uint64(1 << bits)
        if not more.any():
            break
        lengths += more
    offsets = np.zeros(len(rest) + 1, np.int32)
    np.cumsum(lengths, out=offsets[1:])
    out = np.empty(offsets[-1], np.uint8)
    for place in range(int(lengths.max(initial=0))):
        rows = np.flatnonzero(lengths > place)
        digit = (rest[rows] >> np.uint64(7 * place)).astype(np.uint8) & 127
        out[offsets[rows] + place] = digit | ((lengths[rows] > place + 1).astype(np.uint8) << 7)
    return pa.Array.from_buffers(pa.binary(), len(rest), [None, pa.py_buffer(offsets), pa.py_buffer(out)])


def fixed(values: npt.NDArray[np.generic], before: bytes = b"", after: bytes = b"") -> pa.Array:
    r"""Each number's little-endian bytes between two constants.

    >>> fixed(np.array([1.0]), b")").to_pylist()
    [b')\x00\x00\x00\x00\x00\x00\xf0?']
    """
    width, start = values.dtype.itemsize, len(before)
    rows = np.empty((len(values), start + width + len(after)), np.uint8)
    rows[:, :start] = np.frombuffer(before, np.uint8)
    rows[:, start : start + width] = np.ascontiguousarray(values).view(np.uint8).reshape(len(values), width)
    rows[:, start + width :] = np.frombuffer(after, np.uint8)
    kind = pa.binary(rows.shape[1])
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(rows)]).cast(pa.binary())


def joined(*parts: pa.Array | bytes) -> pa.Array:
    """The parts of each row, one after the other.

    >>> joined(b"a", pa.array([b"b", None])).to_pylist()
    [b'ab', None]
    """
    scalars = [pa.scalar(part, pa.binary()) if isinstance(part, bytes) else part for part in parts]
    return pc.binary_join_element_wise(*scalars, pa.scalar(b"", pa.binary()))


def sized(before: bytes, values: pa.Array) -> pa.Array:
    r"""A field of bytes: its tag, each value's length and the value.

    >>> sized(b"\x12", pa.array([b"abc", b""])).to_pylist()
    [b'\x12\x03abc', b'\x12\x00']
    """
    lengths = pc.binary_length(values).fill_null(0).to_numpy(zero_copy_only=False)
    return joined(before, varints(lengths), values)


def gathered(lists: pa.ListArray, items: pa.Array) -> pa.Array:
    """The items of each list, one after the other.

    Args:
        lists: tells how many items belong to each row.
        items: the items of all rows that are not null, in order: of type binary, or numbers of a fixed width.

    >>> gathered(pa.array([["a", "b"], [], None, ["c"]]), pa.array([b"1", b"23", b"4"])).to_pylist()
    [b'123', b'', None, b'4']
    """
    counts = pc.list_value_length(lists).fill_null(0).to_numpy(zero_copy_only=False)
    ends = np.zeros(len(lists) + 1, np.int32)
    np.cumsum(counts, out=ends[1:])
    if pa.types.is_binary(items.type):
        starts = np.frombuffer(items.buffers()[1], np.int32)[items.offset : items.offset + len(items) + 1]
        ends = starts[ends] if len(items) else ends
        data = items.buffers()[2]
    else:
        width = items.type.bit_width // 8
        data = items.buffers()[1]
        ends = (ends + items.offset) * width
    offsets = pa.py_buffer(np.ascontiguousarray(ends, np.int32))
    joined_items = pa.Array.from_buffers(pa.binary(), len(lists), [None, offsets, data or pa.py_buffer(b"")])
    return pc.if_else(lists.is_valid(), joined_items, pa.scalar(None, pa.binary()))

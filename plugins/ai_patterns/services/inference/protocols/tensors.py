"""Tensors as bytes: the binary tensor data extension of the Open Inference Protocol (Triton, "Binary Tensor Data")."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ai_patterns.services.inference.requests import RequestError

HEADER_LENGTH = b"inference-header-content-length"

_DTYPES: Mapping[str, str] = {
    "BOOL": "?",
    **{f"INT{bits}": f"<i{bits // 8}" for bits in (8, 16, 32, 64)},
    **{f"UINT{bits}": f"<u{bits // 8}" for bits in (8, 16, 32, 64)},
    **{f"FP{bits}": f"<f{bits // 8}" for bits in (16, 32, 64)},
}


def unpack(datatype: object, content: bytes, name: str) -> list[Any]:
    """The values of a tensor; a float that is NaN is null.

    Raises:
        RequestError: an unknown datatype, or bytes that do not hold whole values.
    """
    if datatype == "BYTES":
        return _texts(content, name)
    code = _DTYPES.get(str(datatype))
    if code is None:
        raise RequestError(f"the tensor {name!r} has the unknown datatype {datatype!r}", status=422)
    if len(content) % np.dtype(code).itemsize:
        raise RequestError(f"the tensor {name!r} does not hold whole values of {datatype}", status=422)
    values = np.frombuffer(content, code)
    if values.dtype.kind != "f":
        return list(values.tolist())
    return [None if math.isnan(value) else value for value in values.tolist()]


def pack(datatype: str, values: Sequence[Any]) -> bytes:
    """A tensor's values as bytes; null is NaN."""
    if datatype == "BYTES":
        texts = [value.encode() for value in values]
        return b"".join(struct.pack("<I", len(text)) + text for text in texts)
    return np.array(values, np.float64).astype(_DTYPES[datatype]).tobytes()


def split(body: bytes, header_length: bytes | None) -> tuple[bytes, bytes]:
    """The JSON and the bytes behind it.

    Raises:
        RequestError: the header names no length within the body.
    """
    if header_length is None:
        return body, b""
    if not header_length.isdigit() or len(header_length) > 18 or int(header_length) > len(body):
        problem = f"Inference-Header-Content-Length is {header_length!r}, the body has {len(body)} bytes"
        raise RequestError(problem, status=400)
    length = int(header_length)
    return body[:length], body[length:]


def _texts(content: bytes, name: str) -> list[Any]:
    values, place = [], 0
    while place < len(content):
        length = int.from_bytes(content[place : place + 4], "little")
        end = place + 4 + length
        if end > len(content):
            raise RequestError(f"the tensor {name!r} ends within a value", status=422)
        try:
            values.append(content[place + 4 : end].decode())
        except UnicodeDecodeError as error:
            raise RequestError(f"the tensor {name!r} holds text that is no UTF-8: {error}", status=422) from None
        place = end
    return values

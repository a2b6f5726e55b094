"""A YAML document as plain values that know their lines.

libyaml parses a spec in a twentieth of the time that Python needs, and every parse of a DAG file parses them all. Its
scalars are those of YAML 1.2's core schema (yaml.org/spec/1.2.2, 10.3.2), not of YAML 1.1: `on` is text, and so is a
date, whose field's own check then names the line of a wrong one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, TypeAlias

import yaml
from yaml.constructor import ConstructorError

Lines: TypeAlias = dict[Any, int]


class Mapping(dict[Any, Any]):
    """A mapping with the line of each key, counted from 1."""

    lines: Lines


class List(list[Any]):
    """A sequence with the line of each item, counted from 1."""

    lines: Lines


def parse(text: str) -> Any:
    r"""The document's value: mappings and sequences with their lines, and plain scalars.

    Raises:
        yaml.MarkedYAMLError: no YAML, or a key that is there twice.

    >>> found = parse("on: 2013-01-01\nkeys:\n  - 1\n  - x\n")
    >>> found, found.lines, found["keys"].lines
    ({'on': '2013-01-01', 'keys': [1, 'x']}, {'on': 1, 'keys': 2}, {0: 3, 1: 4})
    """
    return yaml.load(text, _Loader)  # noqa: S506 - a safe loader with fewer types than the usual one


def line_of(document: Any, place: Sequence[Any]) -> int:
    """Line of the deepest part of `place` that the document holds, counted from 1."""
    node, line = document, 1
    for part in place:
        lines: Lines = getattr(node, "lines", {})
        if part not in lines:
            break
        line, node = lines[part], node[part]
    return line


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML 1.2's core schema and the merge key; no timestamps."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - what `add_implicit_resolver` fills


def _mapping(loader: _Loader, node: yaml.MappingNode) -> Mapping:
    _check_keys(node)
    loader.flatten_mapping(node)  # what is merged in comes first: a key of the mapping's own replaces it
    keys = [loader.construct_object(key, deep=True) for key, _ in node.value]
    found = Mapping(zip(keys, (loader.construct_object(value, deep=True) for _, value in node.value), strict=True))
    found.lines = {key: item.start_mark.line + 1 for key, (item, _) in zip(keys, node.value, strict=True)}
    return found


def _check_keys(node: yaml.MappingNode) -> None:
    seen = set()
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise ConstructorError(None, None, "a key must be a scalar", key.start_mark)
        if (key.tag, key.value) in seen:
            raise ConstructorError(None, None, f"the key {key.value!r} is there twice", key.start_mark)
        seen.add((key.tag, key.value))


def _list(loader: _Loader, node: yaml.SequenceNode) -> List:
    found = List(loader.construct_object(item, deep=True) for item in node.value)
    found.lines = {at: item.start_mark.line + 1 for at, item in enumerate(node.value)}
    return found


def _integer(_: _Loader, node: yaml.ScalarNode) -> int:
    return int(node.value, {"0o": 8, "0x": 16}.get(node.value[:2], 10))


_SCALARS = {
    "null": (r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    "bool": (r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    "int": (r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    "float": (
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
    "merge": (r"<<", ["<"]),
}
for _name, (_pattern, _first) in _SCALARS.items():
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_name}", re.compile(f"^(?:{_pattern})$"), _first)
for _name, _constructor in {"map": _mapping, "seq": _list, "int": _integer}.items():
    _Loader.add_constructor(f"tag:yaml.org,2002:{_name}", _constructor)

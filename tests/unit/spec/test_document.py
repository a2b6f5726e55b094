"""YAML by libyaml, with YAML 1.2's scalars and the line of each part."""

from __future__ import annotations

import math

import pytest
from yaml import MarkedYAMLError

from ai_patterns.spec.document import line_of, parse

SCALARS = {
    "on": "on", "no": "no", "1:30": "1:30", "2013-01-01": "2013-01-01", "2013-01-01 10:00:00": "2013-01-01 10:00:00",
    "~": None, "null": None, "true": True, "False": False, "'true'": "true", "truex": "truex", "1_000": "1_000",
    "12": 12, "-3": -3, "010": 10, "0o10": 8, "0x1F": 31, "1.5": 1.5, ".5": 0.5, "1e3": 1000.0, "+1.": 1.0,
    "-.inf": -math.inf, ".": ".", "-": None, "1.2.3": "1.2.3", "<": "<", "é 東": "é 東",
}  # fmt: skip


@pytest.mark.parametrize(("text", "value"), SCALARS.items())
def test_scalars_are_those_of_the_core_schema(text: str, value: object) -> None:
    found = parse(f"key: {text}\n" if text != "-" else "key: \n")["key"]
    assert (found, type(found)) == (value, type(value))


def test_not_a_number() -> None:
    assert math.isnan(parse("a: .nan")["a"])


MERGED = """\
base: &base {x: 1, y: 2}
other:
  <<: *base
  y: 3
again: &again {<<: *base, x: 4}
more: {<<: [*again, {z: 5}], y: 6}
list:
  - {x: 1}
  -
    y: 2
"""


def test_a_key_of_the_mappings_own_replaces_a_merged_one() -> None:
    found = parse(MERGED)
    assert found["other"] == {"x": 1, "y": 3}
    assert found["again"] == {"x": 4, "y": 2}
    assert found["more"] == {"x": 4, "y": 6, "z": 5}


@pytest.mark.parametrize(
    ("place", "line"),
    {
        ("other",): 2, ("other", "y"): 4, ("other", "x"): 1, ("list", 0): 8, ("list", 1, "y"): 10, ("list", 7): 7,
        ("nowhere", "y"): 1, (): 1, ("other", "y", "deeper"): 4,
    }.items(),
)  # fmt: skip
def test_line_of_the_deepest_part_that_is_there(place: tuple[object, ...], line: int) -> None:
    assert line_of(parse(MERGED), place) == line


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "'a' is there twice"),
        ("x:\n  ? [1, 2]\n  : 3\n", 2, "a key must be a scalar"),
        ("a: [1\nb: 2\n", 2, "expected"),
        ("a: !!python/object:os.system x\n", 1, "could not determine a constructor"),
        ("a: *nowhere\n", 1, "undefined alias"),
        ("a: 1\n---\nb: 2\n", 2, "another document"),
    ],
)
def test_what_is_refused_names_its_line(text: str, line: int, says: str) -> None:
    with pytest.raises(MarkedYAMLError) as caught:
        parse(text)
    assert caught.value.problem_mark is not None
    assert caught.value.problem_mark.line + 1 == line
    assert says in str(caught.value)

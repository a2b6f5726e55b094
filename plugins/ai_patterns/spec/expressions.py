"""The grammar of on-demand features: arithmetic, comparisons and a few functions over named columns."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from zoneinfo import ZoneInfoNotFoundError, available_timezones

from pydantic_core import PydanticCustomError

from ai_patterns.spec.time_zones import time_zone

FUNCTIONS: dict[str, int] = {
    "abs": 1,
    "coalesce": 2,
    "greatest": 2,
    "hour": 2,
    "hours_between": 2,
    "least": 2,
    "log1p": 1,
    "minute_of_day": 2,
    "month": 2,
    "weekday": 2,
}
"""Every function and its number of arguments."""

CLOCKS = ("hour", "minute_of_day", "month", "weekday")
"""Functions of an instant and a time zone."""

_ALLOWED = (
    ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Mod, ast.USub,
    ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq, ast.Load,
)  # fmt: skip


def parse_expression(text: str) -> ast.expr:
    """Parse an expression and refuse everything outside the grammar.

    Raises:
        ValueError: the text is no expression of the grammar; the message names the part at fault.

    >>> sorted(names_in(parse_expression("log1p(delay) - base / 2")))
    ['base', 'delay']
    """
    try:
        tree = ast.parse(text, mode="eval").body
    except SyntaxError as error:
        raise ValueError(f"{text!r} is not an expression: {error.msg}") from None
    _check(tree, text)
    return tree


def names_in(tree: ast.expr) -> set[str]:
    """Columns that the expression reads."""
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in called}


def _check(node: ast.AST, text: str) -> None:
    match node:
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
            _check_call(name, arguments)
            children: list[ast.AST] = list(arguments)
        case ast.Constant(value=int() | float() | str()) | ast.Name():
            children = []
        case ast.Compare(ops=[_]) | ast.BinOp() | ast.UnaryOp():
            children = list(ast.iter_child_nodes(node))
        case _ if isinstance(node, _ALLOWED):
            children = []
        case _:
            raise ValueError(f"{ast.unparse(node)!r} cannot stand in the expression {text!r}")
    for child in children:
        _check(child, text)


def _check_call(name: str, arguments: Sequence[ast.expr]) -> None:
    if name not in FUNCTIONS:
        raise PydanticCustomError(
            "absent_name", "there is no function {name}", {"name": repr(name), "bad": name, "names": list(FUNCTIONS)}
        )
    if len(arguments) != FUNCTIONS[name]:
        raise ValueError(f"{name} takes {FUNCTIONS[name]} arguments, not {len(arguments)}")
    if name in CLOCKS:
        _check_zone(arguments[1])


def _check_zone(argument: ast.expr) -> None:
    match argument:
        case ast.Constant(value=str() as zone):
            pass
        case _:
            raise ValueError(f"{ast.unparse(argument)} is no time zone: write its name, such as 'America/New_York'")
    try:
        time_zone(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise PydanticCustomError(
            "absent_name",
            "there is no time zone {name}",
            {"name": repr(zone), "bad": zone, "names": sorted(available_timezones())},
        ) from None

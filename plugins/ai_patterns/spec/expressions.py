"""The grammar of on-demand features: arithmetic, comparisons and a few functions over named columns."""

from __future__ import annotations

import ast

from pydantic_core import PydanticCustomError

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
            _check_call(name, len(arguments))
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


def _check_call(name: str, arguments: int) -> None:
    if name not in FUNCTIONS:
        raise PydanticCustomError(
            "absent_name", "there is no function {name}", {"name": repr(name), "bad": name, "names": list(FUNCTIONS)}
        )
    if arguments != FUNCTIONS[name]:
        raise ValueError(f"{name} takes {FUNCTIONS[name]} arguments, not {arguments}")

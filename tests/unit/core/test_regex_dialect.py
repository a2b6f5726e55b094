"""An expression that is translated finds in RE2 what it finds in Python; all others are left alone."""

import re

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ai_patterns.core.regex_dialect import to_re2
from ai_patterns.core.sessions import connect

ATOMS = st.sampled_from(
    [
        "a",
        "Z",
        "0",
        "_",
        "-",
        " ",
        r"\.",
        r"\+",
        r"\$",
        ".",
        "[A-C]",
        "[^a-c0]",
        "[a_.-]",
        "^",
        r"\Z",
        "|",
        "()",
        "é",
        r"\d",
    ]
)
REPEATS = st.sampled_from(["", "", "", "*", "+", "?", "{2}", "{1,}", "{0,2}", "*?", "+?", "{,2}", "++"])
PATTERNS = st.recursive(
    st.builds(str.__add__, ATOMS, REPEATS),
    lambda inner: (
        st.builds("({})".format, inner)
        | st.builds("(?:{}){}".format, inner, REPEATS)
        | st.builds(str.__add__, inner, inner)
    ),
    max_leaves=8,
)
TEXTS = st.lists(st.text("aAbcZ0_-. +$\né\u0661", max_size=6), min_size=20, max_size=20)


@settings(deadline=None, max_examples=150)
@given(PATTERNS, st.sampled_from(["", "$", r"\Z"]), TEXTS)
def test_a_translation_finds_the_same(pattern: str, end: str, texts: list[str]) -> None:
    translated = to_re2(pattern + end)
    assume(translated is not None)
    search = re.compile(pattern + end).search
    found = SESSION.execute(
        "SELECT list_transform($texts, lambda t: regexp_matches(t, $pattern))", {"texts": texts, "pattern": translated}
    ).fetchone()
    assert found == ([search(text) is not None for text in texts],)


SESSION = connect()


@pytest.mark.parametrize(
    "pattern",
    [
        r"\d+", r"\w", r"\s", r"\bx\b", "(?i)x", "(?=x)y", r"(x)\1", "(?P<name>x)", "x++", "x{2}{3}", "x{,3}", "x$y",
        "\u00e9", "[\u00e9]", r"[^\d]", "[[:alpha:]]", "x\0", "(", "*", "x{1001}", "(?:x{40}){40}",
    ],
)  # fmt: skip
def test_what_may_differ_is_left_alone(pattern: str) -> None:
    assert to_re2(pattern) is None

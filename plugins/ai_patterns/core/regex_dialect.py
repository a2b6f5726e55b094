r"""Regular expressions that mean the same to Python and to RE2, the dialect of DuckDB.

Left out is all that differs or that one side lacks: `\d`, `\w`, `\s` and `\b` (Python's know Unicode, RE2's ASCII),
flags, look-around, back-references, possessive repetition.
"""

from __future__ import annotations

import math
import re

_MEMBER = r"(?:[A-Za-z0-9]-[A-Za-z0-9]|\\[.\-/+]|[A-Za-z0-9_ .,/+@%#=:])"
_TOKEN = re.compile(
    rf"""(?P<literal>[A-Za-z0-9_\ \-@%#=:;,/!~'"<>&]|\\[.\-+*?()\[\]{{}}|^$/])
    |(?P<set>\[\^?{_MEMBER}+-?\])
    |(?P<open>\((?:\?:)?(?!\?))
    |(?P<close>\))
    |(?P<either>\|)
    |(?P<any>\.)
    |(?P<start>\^(?![*+?{{]))
    |(?P<end>\\Z(?![*+?{{]))
    |(?P<line_end>\$\Z)
    |(?P<repeat>(?:[*+?]|\{{(?:\d+)(?:,\d*)?\}})\??(?![*+?{{]))""",
    re.VERBOSE,
)
_AS_RE2 = {"any": r"[^\n]", "start": r"\A", "end": r"\z", "line_end": r"\n?\z"}
_LONGEST = 1000
"""RE2 refuses expressions that repeat more than this."""


def to_re2(pattern: str) -> str | None:
    r"""The expression for RE2 which finds what Python's `re.search` finds; None where that is not sure.

    >>> to_re2(r"^(?:[A-Z]{3})\Z")
    '\\A(?:[A-Z]{3})\\z'
    >>> to_re2(r"\d+") is None
    True
    """
    try:
        re.compile(pattern)
    except re.error:
        return None
    parts, place = [], 0
    while place < len(pattern):
        token = _TOKEN.match(pattern, place)
        if token is None or token.lastgroup is None:
            return None
        parts.append(_AS_RE2.get(token.lastgroup, token.group()))
        place = token.end()
    counts = [int(number) for number in re.findall(r"\{(?:\d+,)?(\d+)", pattern)]
    return "".join(parts) if math.prod(max(count, 1) for count in counts) <= _LONGEST else None

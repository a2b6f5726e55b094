"""Each line of the threat model names tests, and they are there."""

from __future__ import annotations

import re
from pathlib import Path


def test_each_threat_has_its_tests(repository: Path) -> None:
    lines = (repository / "docs" / "threat-model.md").read_text("utf-8").splitlines()
    rows = [line for line in lines if line.startswith("| ") and not line.startswith("| threat")]
    assert len(rows) >= 15
    for row in rows:
        named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", row)
        assert named, row
        for file, test in named:
            assert f"def {test}(" in (repository / file).read_text("utf-8"), f"{file} has no {test}"

"""A valid system on disk that a test may break."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from ai_patterns.errors import SpecError
from ai_patterns.spec.loading import load_system
from ai_patterns.starter import write_starter


@dataclass(frozen=True)
class BrokenSystem:
    """The starter system with one place of its `system.yaml` changed."""

    folder: Path

    @property
    def file(self) -> Path:
        return self.folder / "system.yaml"

    def change(self, old: str, new: str) -> None:
        text = self.file.read_text("utf-8")
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in the starter"
        self.file.write_text(text.replace(old, new), "utf-8")

    def line_of(self, text: str) -> int:
        """Line, counted from 1, that holds `text`; it must be the only one."""
        found = [number for number, line in enumerate(self.file.read_text("utf-8").splitlines(), 1) if text in line]
        assert len(found) == 1, f"{text!r} stands on lines {found}"
        return found[0]

    def error(self) -> SpecError:
        with pytest.raises(SpecError) as caught:
            load_system(self.folder)
        return caught.value


@pytest.fixture
def broken(tmp_path: Path) -> BrokenSystem:
    return BrokenSystem(write_starter(tmp_path / "pumps"))

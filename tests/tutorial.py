"""The tutorial as its page has it: commands by chapter, and the files that it makes."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

DAYS = "2012-01-01/2014-12-31"
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Tutorial:
    """The page, walked in a project.

    Attributes:
        page: its Markdown.
        project: the folder with `include/systems`.
        programs: folder of `ai-patterns` and `airflow`.
    """

    page: str
    project: Path
    programs: Path

    @cached_property
    def chapters(self) -> dict[str, str]:
        """Title -> text."""
        parts = re.split(r"^## (.*)$", self.page, flags=re.MULTILINE)
        return dict(zip(parts[1::2], parts[2::2], strict=True))

    def blocks(self, language: str, chapter: str | None = None) -> list[str]:
        """The page's blocks of a language, of all chapters or of one."""
        text = self.page if chapter is None else self.chapters[chapter]
        return [body for name, body in _BLOCK.findall(text) if name == language]

    def files(self) -> dict[str, str]:
        """The files of the system, put together from the page."""
        mornings, reports = self.blocks("sql")
        spec = "\n".join(self.blocks("yaml"))
        return {"system.yaml": spec, "sql/mornings.sql": mornings, "sql/reports.sql": reports}

    def fill_in(self) -> None:
        """Put each part into its file."""
        for name, text in self.files().items():
            (self.project / "include" / "systems" / "rain" / name).write_text(text, "utf-8")

    def run(self, chapter: str, settings: Mapping[str, str]) -> str:
        """Run a chapter's commands in the project; what they printed."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AI_PATTERNS_", "AIRFLOW"))}
        path = f"{self.programs}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        environment = kept | {"PATH": path, "AI_PATTERNS_HOME": str(self.project), **settings}
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", "".join(self.blocks("sh", chapter))],
            cwd=self.project, env=environment, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

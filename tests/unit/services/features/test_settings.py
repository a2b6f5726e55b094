from __future__ import annotations

from pathlib import Path

import pytest

from ai_patterns.services.features.settings import read_settings


def test_flags_stand_before_the_environment() -> None:
    environment = {
        "AI_PATTERNS_FEATURE_REPO": "/a",
        "AI_PATTERNS_FEATURES_PORT": "1",
        "AI_PATTERNS_WRITE_KEYS": "etl=s3cret",
    }
    settings = read_settings(["--port", "2"], environment)
    assert (settings.repo, settings.port, settings.callers.writers) == (Path("/a"), 2, {"etl": "s3cret"})
    assert "s3cret" not in repr(settings)


@pytest.mark.parametrize(
    "arguments", [[], ["--repo", "/a", "--requests-per-second", "0.5"], ["--repo", "/a", "--port", "x"]]
)
def test_what_is_missing_or_malformed_ends_with_usage(arguments: list[str]) -> None:
    with pytest.raises(SystemExit):
        read_settings(arguments, {})

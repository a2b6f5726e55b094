"""A broken system is one readable import error; the other systems' DAGs stay."""

from __future__ import annotations

from dag_project import PATTERNS, STREAMED


def test_a_broken_spec_hides_no_other_system(systems, read_dags):
    spec = systems / "greenhouse" / "system.yaml"
    spec.write_text(spec.read_text().replace("stream: readings, key: [bed]", "stream: reading, key: [bed]"))
    dags, errors = read_dags()
    assert set(dags) == {f"flights__{step}" for step in (*PATTERNS, *STREAMED)}
    assert list(errors) == ["systems.py"]
    assert f"{spec}:" in errors["systems.py"]
    assert "groups.drunk.stream" in errors["systems.py"]
    assert "Did you mean 'readings'?" in errors["systems.py"]


def test_a_project_without_systems_says_how_to_start(tmp_path, monkeypatch, read_dags):
    monkeypatch.setenv("AI_PATTERNS_SYSTEMS", str(tmp_path))
    dags, errors = read_dags()
    assert dags == {}
    assert "ai-patterns new" in errors["systems.py"]

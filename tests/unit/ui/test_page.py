"""The page shows what is there, tells what is missing, and escapes everything."""

from __future__ import annotations

import datetime as dt
import shutil

from ai_patterns.ui.page import render
from ai_patterns.ui.plot import line_plot
from ai_patterns.ui.views import MOST_SYSTEMS, PATTERNS, View, find_views

EVIL = "<script>alert(1)</script>"
WEEKS = [{"day": dt.date(2024, 4, day), "rmse": 3.0 + day / 10, "rows": 500} for day in (7, 14, 21)]


def status_with(**patterns: dict[str, object]) -> dict[str, dict[str, object]]:
    return {name: {"state": "ready", "summary": "fine", **patterns.get(name, {})} for name in PATTERNS}


def test_every_pattern_has_its_card_and_its_dag(docks) -> None:
    html = render([View("docks", docks, status=status_with())], root="/air")
    for title, dag, _ in PATTERNS.values():
        assert f'<a href="/air/dags/docks__{dag}" target="_top">{title}</a>' in html


def test_figures_of_every_panel(docks) -> None:
    line = {"at": dt.datetime(2024, 4, 8, tzinfo=dt.UTC), "action": "refused", "version": 3, "reason": "rmse 7 > 6"}
    alarm = {"check": "drift", "subject": "rides", "value": 0.41, "bound": 0.2, "detail": "moved"}
    status = status_with(
        feedback_loop={"metric": "rmse", "performance": WEEKS},
        online_offline_serving={"promotions": [line]},
        monitoring={"state": "attention", "failures": [alarm]},
    )
    html = render([View("docks", docks, status=status)])
    for text in ("rmse by week", "rmse 7 &gt; 6", "0.41", 'class="state attention"'):
        assert text in html


def test_a_system_without_topics_shows_no_streams(docks) -> None:
    status = {
        name: entry for name, entry in status_with().items() if name not in ("stream_processing", "lambda_architecture")
    }
    html = render([View("docks", docks, status=status)])
    assert "docks__data_pipeline" in html
    assert "docks__stream_processing" not in html


def test_everything_is_escaped(docks) -> None:
    status = status_with(data_pipeline={"summary": EVIL})
    html = render([View(EVIL, docks, problem=EVIL, status=status)], dag_id=EVIL)
    assert "<script" not in html
    assert "&lt;script&gt;" in html


def test_nothing_is_loaded_from_outside(docks) -> None:
    html = render([View("docks", docks, status=status_with())])
    assert not any(sign in html for sign in ("http://", "https://", "<script", "<link", "@import"))


def test_a_broken_spec_stands_beside_the_good_systems(docks_folder, tmp_path, monkeypatch) -> None:
    (tmp_path / "docks").symlink_to(docks_folder)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "system.yaml").write_text("nme: broken\n", "utf-8")
    monkeypatch.setenv("AI_PATTERNS_SYSTEMS", str(tmp_path))
    monkeypatch.setenv("AI_PATTERNS_LAKE", str(tmp_path / "no_lake"))
    broken, docks = find_views()
    assert (broken.name, broken.status) == ("broken", {})
    assert "[nme]" in broken.problem
    assert {entry["state"] for entry in docks.status.values()} == {"not yet"}
    assert [view.name for view in find_views("docks")] == ["docks"]
    assert "Did you mean" in render([broken, docks])


def test_of_many_systems_some_are_looked_at_and_all_are_named(docks_folder, tmp_path, monkeypatch) -> None:
    for number in range(MOST_SYSTEMS + 2):
        folder = tmp_path / "systems" / f"docks_{number:02}"
        shutil.copytree(docks_folder, folder, ignore=shutil.ignore_patterns("data"))
        text = (folder / "system.yaml").read_text("utf-8")
        (folder / "system.yaml").write_text(text.replace("name: docks", f"name: {folder.name}", 1), "utf-8")
    monkeypatch.setenv("AI_PATTERNS_SYSTEMS", str(tmp_path / "systems"))
    monkeypatch.setenv("AI_PATTERNS_LAKE", str(tmp_path / "no_lake"))
    views = find_views()
    assert [view.is_named_only for view in views] == [False] * MOST_SYSTEMS + [True] * 2
    html = render(views, root="/air")
    assert "20 of 22 systems stand below" in html
    assert 'href="#docks_19"' in html
    assert 'href="/air/ai-patterns/systems/docks_20"' in html
    (last,) = find_views("docks_21")
    assert not last.is_named_only


def test_ten_thousand_systems_are_a_page(docks) -> None:
    looked_at = [View(f"docks_{number}", docks, status=status_with()) for number in range(MOST_SYSTEMS)]
    html = render([*looked_at, *(View(f"more_{number}", docks) for number in range(10_000))])
    assert "20 of 10,020 systems" in html
    assert len(html) < 1_500_000


def test_no_system_at_all_tells_how_to_start() -> None:
    assert "ai-patterns new NAME" in render([])


def test_a_plot_needs_two_weeks_and_survives_a_flat_line() -> None:
    assert line_plot(WEEKS[:1], "rmse") == ""
    assert line_plot([{"day": "a", "auc": 0.0}, {"day": "b", "auc": 0.0}], "auc").count("<circle") == 2
    assert line_plot([*WEEKS, {"day": "later", "rmse": None}], "rmse").count("<circle") == 3

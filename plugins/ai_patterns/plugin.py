"""The Airflow plugin: the page "AI patterns", the DAG tab, and the timetable of backfills.

It registers once, however it arrives. Dropped into `plugins/`, Airflow runs this file and finds the class.
Installed as a wheel, Airflow loads the entry point `ai_patterns.plugin:entry_point`, which stands back
(it is `None`, and Airflow passes over what is no plugin) where the drop-in folder holds this plugin too:
a second registration under the same name would make the task side drop its whole batch.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from airflow.configuration import conf
from airflow.plugins_manager import AirflowPlugin

from ai_patterns.patterns.timetable import BackfillTimetable
from ai_patterns.ui.lazy import LazyApp

PREFIX = "/ai-patterns"


class AIPatternsPlugin(AirflowPlugin):
    """One page for all systems in the navigation, the system's page as a tab of each DAG, and what DAGs need."""

    name = "ai_patterns"
    fastapi_apps: list[Any] = [{"name": "AI patterns", "app": LazyApp("ai_patterns.ui.app"), "url_prefix": PREFIX}]  # noqa: RUF012
    external_views: list[Any] = [  # noqa: RUF012
        {
            "name": "AI patterns",
            "href": f"{PREFIX}/",
            "destination": "nav",
            "url_route": "ai-patterns",
            "nav_top_level": True,
        },
        {
            "name": "AI patterns",
            "href": PREFIX + "/dags/{DAG_ID}",
            "destination": "dag",
            "url_route": "ai-patterns-loop",
        },
    ]
    timetables: list[Any] = [BackfillTimetable]  # noqa: RUF012


def _is_dropped_in() -> bool:
    folder = conf.get("core", "plugins_folder", fallback="")
    return bool(folder) and (Path(folder) / "ai_patterns" / "plugin.py").is_file()


entry_point = None if _is_dropped_in() else AIPatternsPlugin

"""Alertmanager: groups alerts and sends them on."""

from __future__ import annotations

from collections.abc import Sequence

from ai_patterns.runtimes.programs import find_program
from ai_patterns.runtimes.runtime import LOCALHOST, HttpRuntime

WEBHOOK = "webhook"
"""File in its home; the URL in it gets every alert."""


class Alertmanager(HttpRuntime):
    """A real Alertmanager of one node; it shows alerts, and sends them to the URL in its file `webhook`."""

    name = "alertmanager"
    health = "/-/healthy"

    def prepare(self, port: int) -> Sequence[str]:
        """Write the settings.

        Raises:
            MissingProgramError: Alertmanager is not installed.
        """
        program = find_program("prometheus-alertmanager", "install Alertmanager (Debian: prometheus-alertmanager)")
        settings = self.home / "alertmanager.yml"
        settings.write_text(self._settings(), "utf-8")
        return [
            str(program),
            f"--config.file={settings}",
            f"--storage.path={self.data}",
            f"--web.listen-address={LOCALHOST}:{port}",
            "--cluster.listen-address=",
        ]

    def _settings(self) -> str:
        webhook = self.home / WEBHOOK
        receiver = f"\n  webhook_configs: [{{url: '{webhook.read_text('utf-8').strip()}'}}]" if webhook.exists() else ""
        return f"route: {{receiver: all, group_wait: 1s}}\nreceivers:\n- name: all{receiver}\n"

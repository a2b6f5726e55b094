"""Swaps a served model again and again, in a process of its own that yields to whoever asks for predictions.

usage: python model_swapper.py TRACKING_URI MODEL SERVER_URL KEY SWAPS VERSION VERSION

Prints a JSON list: the version that answered after each swap.
"""

from __future__ import annotations

import json
import os
import sys

import httpx

from ai_patterns.clients.mlflow import Registry


def main(tracking_uri: str, model: str, url: str, key: str, swaps: str, *versions: str) -> None:
    os.nice(19)
    registry, answered = Registry(tracking_uri, model), []
    with httpx.Client(base_url=url, headers={"X-API-Key": key}, timeout=30) as client:
        for number in range(int(swaps)):
            registry.set_alias("champion", int(versions[number % len(versions)]))
            answered.append(client.post("/admin/reload").json()["model_version"])
    print(json.dumps(answered))


if __name__ == "__main__":
    main(*sys.argv[1:])

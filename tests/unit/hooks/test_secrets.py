"""Secrets are told nowhere: planted ones are looked for in errors, logs and representations."""

from __future__ import annotations

import json
import logging

import pytest

from ai_patterns.errors import AIPatternsError
from ai_patterns.hooks.kubeflow import KubeflowHook
from ai_patterns.hooks.lake import LakeHook
from ai_patterns.services.features import settings as features
from ai_patterns.services.feedback import settings as feedback
from ai_patterns.services.inference import settings as inference

PLANTED = "pl4nted-s3cret"


def connect(monkeypatch: pytest.MonkeyPatch, conn_id: str, **fields: object) -> None:
    monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(fields))


def test_a_planted_secret_is_told_nowhere(monkeypatch, caplog, capfd) -> None:
    caplog.set_level(logging.DEBUG)
    options = {
        "aws_access_key_id": "me",
        "aws_secret_access_key": PLANTED,
        "aws_endpoint": "http://127.0.0.1:9",
        "aws_allow_http": "true",
        "aws_region": "nowhere",
        "max_retries": 0,
    }
    connect(monkeypatch, "ai_patterns_lake", conn_type="generic", host="s3://bucket/lake", extra=options)
    connect(monkeypatch, "ai_patterns_kubeflow", conn_type="http", host="127.0.0.1", port=9, password=PLANTED)
    with pytest.raises(AIPatternsError) as lake:
        LakeHook().lake("flights")
    with pytest.raises(AIPatternsError) as kubeflow:
        KubeflowHook().runs().find("a run")
    assert "is away" in str(lake.value)
    told = [str(lake.value), repr(lake.value.__cause__), str(kubeflow.value), repr(kubeflow.value.__cause__)]
    told += [caplog.text, *capfd.readouterr()]
    assert not [text for text in told if PLANTED in text]


def test_settings_do_not_tell_their_keys() -> None:
    places = ["--system-folder", ".", "--lake", ".", "--tracking-uri", ".", "--feature-repo", "."]
    keys = {"AI_PATTERNS_API_KEY": PLANTED, "AI_PATTERNS_API_KEYS": json.dumps({"shop": {"key": PLANTED}})}
    lists = {"AI_PATTERNS_WRITE_KEYS": f"shop={PLANTED}", "AI_PATTERNS_READ_KEYS": PLANTED}
    all_settings = (
        inference.read_settings(places, keys),
        features.read_settings(["--repo", "."], lists),
        feedback.read_settings([], lists),
    )
    assert all_settings[0].api_key == PLANTED
    assert all_settings[1].callers.writers == all_settings[2].callers.writers == {"shop": PLANTED}
    assert not [settings for settings in all_settings if PLANTED in repr(settings)]

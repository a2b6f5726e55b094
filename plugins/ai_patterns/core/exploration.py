"""Exploration: which decisions are acted on in spite of their score, how likely that was, and what a label weighs.

Labels that come only where the score wanted them teach the model its own opinion ("selective labels", Lakkaraju et
al. 2017). A declared share of the other decisions is acted on at random, and each label counts by one over its
probability to be seen (Horvitz and Thompson 1952), which makes the labelled rows stand for all.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import ArrayLike

from ai_patterns.core.metrics import Vector
from ai_patterns.core.predictions import json_value
from ai_patterns.spec.exploration import ExplorationSpec


@dataclass(frozen=True)
class Assignment:
    """What exploration does with some decisions, one entry a decision.

    Attributes:
        explored: it is acted on although its score is on the other side.
        holdout: it is acted on in any case, and kept from training.
        propensity: the probability with which it was to be acted on.
    """

    explored: list[bool]
    holdout: list[bool]
    propensity: list[float]


def assign(spec: ExplorationSpec, keys: Iterable[Sequence[object]], scores: Sequence[float]) -> Assignment:
    """Assign decisions by their key and score: the same ones always get the same.

    A score that is not a number is not acted on by itself.

    >>> spec = ExplorationSpec(act="below", threshold=0.3, share=0.1, holdout=0.05)
    >>> assign(spec, [("UA1",), ("UA2",)], [0.2, 0.9])
    Assignment(explored=[False, False], holdout=[False, False], propensity=[1.0, 0.1])
    """
    texts = [json.dumps([json_value(part) for part in key]) for key in keys]
    holdout = [draw(spec.salt, "holdout", text) < spec.holdout for text in texts]
    wanted = [score >= spec.threshold if spec.act == "above" else score <= spec.threshold for score in scores]
    explored = [
        not act and (kept or draw(spec.salt, "explore", text) < spec.share)
        for text, act, kept in zip(texts, wanted, holdout, strict=True)
    ]
    propensity = [1.0 if act or kept else spec.share for act, kept in zip(wanted, holdout, strict=True)]
    return Assignment(explored, holdout, propensity)


def weigh(propensity: ArrayLike, clip: float) -> Vector:
    """Weights of labelled rows, with mean 1: one over the propensity, no more than `clip`, over their mean.

    Clipping bounds the variance at the price of some bias (Ionides 2008, "Truncated Importance Sampling"); division
    by the mean is the self-normalized estimator (Hájek 1971; Swaminathan and Joachims 2015, section 4).

    Args:
        propensity: in (0, 1].
        clip: in units of the smallest possible weight, 1.

    >>> weigh([1.0, 0.5, 0.01], clip=3.0).tolist()
    [0.5, 1.0, 1.5]
    """
    weights = np.minimum(1.0 / np.asarray(propensity, dtype=np.float64), clip)
    return weights / weights.mean() if len(weights) else weights


def draw(salt: str, purpose: str, text: str) -> float:
    """A number in [0, 1) that only the arguments decide; draws for different purposes do not know of one another."""
    digest = blake2b(json.dumps([salt, purpose, text]).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2.0**64

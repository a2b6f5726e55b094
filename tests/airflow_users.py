"""Who may use the Airflow of the end-to-end tests, and tokens that nobody should be let in with."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

import jwt

JWT_SECRET = secrets.token_urlsafe(64)
"""Signs the users' tokens; known here so that a token can be made that was right once."""

VIEWER = "viewer"
"""May look at everything, and has this for a password."""


def signed(headers: Mapping[str, str], secret: str, algorithm: str | None = None, **changes: object) -> dict[str, str]:
    """The same headers, their token changed and signed anew."""
    token = headers["Authorization"].removeprefix("Bearer ")
    claims = jwt.decode(token, options={"verify_signature": False}) | changes
    header = jwt.get_unverified_header(token)
    return {"Authorization": f"Bearer {jwt.encode(claims, secret, algorithm or header['alg'], {'kid': header['kid']})}"}

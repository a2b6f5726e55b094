"""Whether a service still keeps what it has promised: two OpenAPI 3.1 documents, and what breaks between them.

What a client may send must be accepted still, and what it reads must be there still (Postel's rule, as the tools
oasdiff and openapi-diff apply it): a service may ask for less and answer with more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Document = Mapping[str, Any]
Seen = tuple[str, ...]
"""References on the way to a schema: one that refers to itself is looked at once."""


def breaking_changes(kept: Document, offered: Document) -> list[str]:
    """What a client of `kept` would miss in `offered`; empty where every such client is served.

    >>> kept = {"paths": {"/labels": {"post": {"responses": {"200": {"description": "OK"}}}}}}
    >>> breaking_changes(kept, {"paths": {}})
    ['POST /labels: is gone']
    >>> breaking_changes(kept, {"paths": {**kept["paths"], "/more": {}}})
    []
    """
    return [
        f"{method.upper()} {path}: {problem}"
        for path, methods in kept.get("paths", {}).items()
        for method, operation in methods.items()
        for problem in _operation(kept, operation, offered, offered.get("paths", {}).get(path, {}).get(method))
    ]


def _operation(kept: Document, was: Document, offered: Document, now: Document | None) -> Iterator[str]:
    if now is None:
        yield "is gone"
        return
    yield from _parameters(was, now)
    body = now.get("requestBody", {})
    if body.get("required") and not was.get("requestBody"):
        yield "needs a body now"
    sent = _schema(was.get("requestBody", {}))
    if sent is not None:
        taken = _schema(body)
        yield from [] if taken is None else _narrower(kept, sent, offered, taken, "the body")
    for status, answer in was.get("responses", {}).items():
        if not status.startswith("2"):
            continue
        if status not in now.get("responses", {}):
            yield f"answers {status} no more"
            continue
        read, given = _schema(answer), _schema(now["responses"][status])
        if read is not None:
            yield from _poorer(kept, read, offered, given or {}, "the answer")


def _parameters(was: Document, now: Document) -> Iterator[str]:
    known = {(item["in"], item["name"]) for item in was.get("parameters", ())}
    for item in now.get("parameters", ()):
        if item.get("required") and (item["in"], item["name"]) not in known:
            yield f"needs the parameter {item['name']} now"


def _narrower(kept: Document, was: Any, offered: Document, now: Any, where: str, seen: Seen = ()) -> Iterator[str]:
    """What could be sent before and no more."""
    way = _seen(was, seen)
    if way is None:
        return
    was, now = _resolve(kept, was), _resolve(offered, now)
    if not now:
        return
    lost = _types(kept, was) - _types(offered, now) if _types(offered, now) else frozenset()
    if lost or (_types(offered, now) and not _types(kept, was)):
        yield f"{where} may be {' or '.join(sorted(lost)) or 'anything'} no more"
    if "enum" in now and not set(map(str, was.get("enum", ["?"]))) <= set(map(str, now["enum"])):
        yield f"{where} takes fewer values"
    for name in sorted(set(now.get("required", ())) - set(was.get("required", ()))):
        yield f"{where}.{name} is required now"
    for name, part in was.get("properties", {}).items():
        if name in now.get("properties", {}):
            yield from _narrower(kept, part, offered, now["properties"][name], f"{where}.{name}", way)
        elif now.get("additionalProperties") is False:
            yield f"{where}.{name} is refused now"
    if "items" in was and "items" in now:
        yield from _narrower(kept, was["items"], offered, now["items"], f"{where}[]", way)


def _poorer(kept: Document, was: Any, offered: Document, now: Any, where: str, seen: Seen = ()) -> Iterator[str]:
    """What could be read before and no more."""
    way = _seen(was, seen)
    if way is None:
        return
    was, now = _resolve(kept, was), _resolve(offered, now)
    if not was:
        return
    new = _types(offered, now) - _types(kept, was) if _types(kept, was) else frozenset()
    if new or (_types(kept, was) and not _types(offered, now)):
        yield f"{where} may be {' or '.join(sorted(new)) or 'anything'} now"
    for name, part in was.get("properties", {}).items():
        if name not in now.get("properties", {}):
            yield f"{where}.{name} is gone"
            continue
        if name in was.get("required", ()) and name not in now.get("required", ()):
            yield f"{where}.{name} may be missing now"
        yield from _poorer(kept, part, offered, now["properties"][name], f"{where}.{name}", way)
    if "items" in was and "items" in now:
        yield from _poorer(kept, was["items"], offered, now["items"], f"{where}[]", way)


def _seen(schema: Any, seen: Seen) -> Seen | None:
    """What was seen with this schema's reference; None where it was seen before."""
    name = schema.get("$ref") if isinstance(schema, Mapping) else None
    if name is None:
        return seen
    return None if name in seen else (*seen, name)


def _schema(content: Document) -> Any | None:
    return content.get("content", {}).get("application/json", {}).get("schema")


def _resolve(document: Document, schema: Any) -> Document:
    while isinstance(schema, Mapping) and "$ref" in schema:
        place: Any = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            place = place.get(part, {})
        schema = place
    return schema if isinstance(schema, Mapping) else {}


def _types(document: Document, schema: Document) -> frozenset[str]:
    """The JSON types that a schema allows; empty for any. An integer is a number too."""
    told = schema.get("type")
    found = {told} if isinstance(told, str) else set(told or ())
    for choice in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        choices = _types(document, _resolve(document, choice))
        if not choices:
            return frozenset()
        found |= choices
    return frozenset(found | ({"integer"} if "number" in found else set()))

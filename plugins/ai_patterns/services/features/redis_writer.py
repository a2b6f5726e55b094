"""Writes the hashes that Feast's Redis store reads, each row in one step whoever else writes."""

from __future__ import annotations

import datetime as dt

from feast import FeatureStore, FeatureView
from feast.infra.online_stores.helpers import _mmh3, _redis_key, compute_versioned_name
from google.protobuf.timestamp_pb2 import Timestamp  # type: ignore[import-untyped]  # no stubs in the lock

from ai_patterns.services.features.redis_line import command
from ai_patterns.services.features.redis_link import RedisLink
from ai_patterns.services.features.rows import FeastRow

# The held event time is a serialized Timestamp: field 1 seconds, field 2 nanoseconds, each a varint. Lua's numbers are
# doubles, so a negative one (ten bytes) is read by its complement, which is small.
_SCRIPT = b"""
local function varint(data, at)
  local value, complement, scale, first = 0, 0, 1, at
  repeat
    local byte = string.byte(data, at)
    value = value + byte % 128 * scale
    if at - first < 9 then
      complement = complement + (127 - byte % 128) * scale
    end
    scale = scale * 128
    at = at + 1
  until byte < 128
  if at - first == 10 then
    return -1 - complement, at
  end
  return value, at
end
local held = redis.call('HGET', KEYS[1], ARGV[1])
if held and ARGV[3] ~= '' then
  local time, at = {0, 0}, 1
  while at <= #held do
    local field = math.floor(string.byte(held, at) / 8)
    time[field], at = varint(held, at + 1)
  end
  local seconds, nanos = tonumber(ARGV[3]), tonumber(ARGV[4])
  if time[1] > seconds or time[1] == seconds and time[2] > nanos then
    return 0
  end
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2], unpack(ARGV, 6))
if ARGV[5] ~= '' then
  redis.call('EXPIRE', KEYS[1], ARGV[5])
end
return 1
"""


class RedisWriter:
    """See `ai_patterns.services.features.writing.RowWriter`.

    An event replaces what the store holds unless that is newer; Feast's own client leaves a correction of the same
    event time out.
    """

    def __init__(self, store: FeatureStore, link: RedisLink) -> None:
        self._config, self._link = store.config, link

    async def write(self, view: FeatureView, rows: list[FeastRow]) -> None:
        """See `RowWriter`."""
        name = compute_versioned_name(view, self._config.registry.enable_online_feature_view_versioning)
        fields = {feature.name: _mmh3(f"{name}:{feature.name}") for feature in view.features}
        moment = f"_ts:{name}".encode()
        keys = [_redis_key(self._config.project, row[0], self._config.entity_key_serialization_version) for row in rows]
        commands = [self._command(key, moment, fields, row) for key, row in zip(keys, rows, strict=True)]
        try:
            await self._link.ask(b"".join(commands), len(rows))
        finally:
            self._link.changed(keys)  # Redis says so too, but maybe after who wrote has asked

    def _command(self, key: bytes, moment: bytes, fields: dict[str, bytes], row: FeastRow) -> bytes:
        _, values, time, _ = row
        held, store = _timestamp(time), self._config.online_store
        compared = (b"", b"") if store.skip_dedup else (b"%d" % held.seconds, b"%d" % held.nanos)
        expires = b"%d" % store.key_ttl_seconds if store.key_ttl_seconds else b""
        pairs = [part for name, value in values.items() for part in (fields[name], value.SerializeToString())]
        return command([b"EVAL", _SCRIPT, b"1", key, moment, held.SerializeToString(), *compared, expires, *pairs])


def _timestamp(time: dt.datetime) -> Timestamp:
    held = Timestamp()
    held.FromDatetime(time)
    return held

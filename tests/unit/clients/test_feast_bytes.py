"""Keys are those of Feast's own serializer, and values what Feast reads from the same bytes."""

import datetime as dt

import pytest
from feast.infra.key_encoding_utils import serialize_entity_key
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import BoolList, Value
from hypothesis import given
from hypothesis import strategies as st

from ai_patterns.clients.feast_bytes import decode_value, key_writer, to_instant
from ai_patterns.errors import ServiceUnavailableError

int64 = st.integers(-(2**63), 2**63 - 1)
keys = st.dictionaries(st.text(min_size=1, max_size=9), st.one_of(int64, st.text(max_size=9)), max_size=4)


@given(keys)
def test_a_key_is_feasts(key):
    written = [Value(string_val=v) if isinstance(v, str) else Value(int64_val=v) for v in key.values()]
    asked = EntityKey(join_keys=list(key), entity_values=written)
    if not key:
        asked = EntityKey(join_keys=["__dummy_id"], entity_values=[Value(string_val="")])
    write = key_writer({name: isinstance(value, str) for name, value in key.items()})
    assert write(list(key.values())) == serialize_entity_key(asked, entity_key_serialization_version=3)


@pytest.mark.parametrize("kind", ["double_val", "int64_val", "string_val", "bool_val"])
@given(data=st.data())
def test_a_value_is_what_feast_wrote(kind, data):
    kinds = {
        "double_val": st.floats(allow_nan=False),
        "int64_val": int64,
        "string_val": st.text(),
        "bool_val": st.booleans(),
    }
    value = data.draw(kinds[kind])
    found = decode_value(Value(**{kind: value}).SerializeToString())
    assert (found, type(found)) == (value, type(value))


def test_no_bytes_are_null():
    assert decode_value(Value().SerializeToString()) is None


def test_another_type_is_refused():
    with pytest.raises(ServiceUnavailableError, match="unknown type"):
        decode_value(Value(bool_list_val=BoolList(val=[True])).SerializeToString())


def test_instants_are_microseconds_since_1970_in_utc():
    assert to_instant(1_500_000) == dt.datetime(1970, 1, 1, 0, 0, 1, 500_000, dt.UTC)
    assert to_instant(None) is None

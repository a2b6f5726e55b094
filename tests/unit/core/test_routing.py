"""The record of a rollout: whatever is none is refused."""

import pytest

from ai_patterns.core.routing import Routing


@pytest.mark.parametrize("text", ["{}", "[]", "{", '{"until": 3}', '{"until": "2024-04-01", "edges": [], "more": 1}'])
def test_a_record_that_is_none_is_refused(text):
    with pytest.raises(ValueError, match=r"record|Expecting|property"):
        Routing.from_text(text)

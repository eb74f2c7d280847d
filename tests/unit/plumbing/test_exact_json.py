"""Numbers keep their decimal value through our JSON."""

from decimal import Decimal

import pytest

from shared.plumbing import json


@pytest.mark.parametrize("text", ["0.1", "1.10", "12345678901234567890.123456789", "1E+3", "-0.0", "1234567890" * 4])
def test_a_number_comes_back_with_its_exact_value(text: str) -> None:
    value = json.loads(text)
    assert not isinstance(value, float)
    assert Decimal(json.dumps_text(json.loads(json.dumps(value)))) == Decimal(text)


@pytest.mark.parametrize(
    "text", ["1e999999999999", '{"limit": -1E+1001}', "1e-999999999", "1e" + "9" * 30, "9" * 1000 + ".5"]
)
def test_a_number_that_as_a_whole_one_would_take_for_ever_is_not_read(text: str) -> None:
    with pytest.raises(json.JsonError):
        json.loads(text)


@pytest.mark.parametrize("text", ["NaN", "[1", '"\\ud800"', "[" * 5000 + "]" * 5000, b"\xff"])
def test_what_is_not_json_raises_one_of_the_named_errors(text: str | bytes) -> None:
    with pytest.raises(json.JsonError):
        json.loads(text)

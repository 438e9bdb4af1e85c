"""Numbers with their units, however they are written."""

from __future__ import annotations

import pytest

from engines.rag.quantities import Quantity, is_held, quantities


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        pytest.param("a deposit of 25 cents", 0.25, "cent", id="cents"),
        pytest.param("€0.25", 0.25, "euro", id="currency sign"),
        pytest.param("0,25 euro", 0.25, "euro", id="decimal comma"),
        pytest.param("0.25", 0.25, "", id="bare number"),
        pytest.param("5p", 0.05, "sterling", id="pence"),
        pytest.param("about 95 percent", 95, "percent", id="percent"),
        pytest.param("95 per cent", 95, "percent", id="per cent"),
        pytest.param("95%", 95, "percent", id="percent sign"),
        pytest.param("1,000 kg", 1e6, "gram", id="thousands comma"),
        pytest.param("1 000 kilograms", 1e6, "gram", id="thousands space"),
        pytest.param("one tonne", 1e6, "gram", id="tonne"),
        pytest.param("60 °C", 60, "celsius", id="celsius sign"),
        pytest.param("60 degrees Celsius", 60, "celsius", id="celsius in words"),
        pytest.param("140 °F", 140, "fahrenheit", id="fahrenheit"),
        pytest.param("two hours", 7200, "second", id="number word"),
        pytest.param("120 minutes", 7200, "second", id="minutes"),
        pytest.param("twenty-five bags", 25, "", id="two number words"),
        pytest.param("three hundred", 300, "", id="hundred"),
        pytest.param("2 million", 2e6, "", id="million"),
        pytest.param("three quarters of it", 0.75, "", id="fraction"),
        pytest.param("half of it", 0.5, "", id="half"),
        pytest.param("½ litre", 0.5, "litre", id="fraction sign"),
        pytest.param("nine-volt", 9, "volt", id="hyphen"),
        pytest.param("9V", 9, "volt", id="attached unit"),
        pytest.param("30 cm", 0.3, "metre", id="centimetres"),
        pytest.param("twelve months", 12, "month", id="months"),
        pytest.param("one year", 12, "month", id="year"),
    ],
)
def test_a_quantity_is_read_however_it_is_written(text: str, value: float, unit: str) -> None:
    (found,) = quantities(text)
    assert found.value == pytest.approx(value)
    assert found.unit == unit


@pytest.mark.parametrize(
    "text", ["one of the bins", "a single one", "CO2", "R134a", "the 2nd bin", "no number", ""]
)
def test_what_is_no_quantity_is_not_read(text: str) -> None:
    assert quantities(text) == ()


def test_a_range_is_two_quantities_of_one_unit() -> None:
    assert quantities("between 5 and 10 °C") == (Quantity(5, "celsius"), Quantity(10, "celsius"))
    assert quantities("5–10 °C") == quantities("5 to 10 degrees Celsius")


@pytest.mark.parametrize(
    ("text", "bound"),
    [
        ("at least 5 bags", "at least"),
        ("more than 5 bags", "at least"),
        ("no less than 5 bags", "at least"),
        ("5 bags", ""),
        ("up to 5 bags", "at most"),
        ("no more than 5 bags", "at most"),
        ("less than €5", "at most"),
        ("5 kg or more", "at least"),
    ],
)
def test_a_bound_belongs_to_its_number(text: str, bound: str) -> None:
    (found,) = quantities(text)
    assert found.bound == bound


@pytest.mark.parametrize(
    ("said", "source", "expected"),
    [
        pytest.param("0.25", "25 cents", True, id="bare number fits a unit"),
        pytest.param("€0.25", "25 cents", True, id="cents of a currency"),
        pytest.param("25 euros", "25 cents", False, id="other unit"),
        pytest.param("25 cents", "25", False, id="unit that is not said"),
        pytest.param("60 degrees", "60 °C", True, id="degrees of a scale"),
        pytest.param("60 °F", "60 °C", False, id="other scale"),
        pytest.param("1 kg", "1000 g", True, id="same in another unit"),
        pytest.param("2 hours", "2 days", False, id="other length of time"),
        pytest.param("at least 5", "at most 5", False, id="other bound"),
        pytest.param("at least 5", "5", False, id="bound that is not said"),
        pytest.param("5", "at least 5", True, id="bound left out"),
    ],
)
def test_a_quantity_is_held_by_an_equal_one(said: str, source: str, expected: bool) -> None:
    (quantity,) = quantities(said)
    assert is_held(quantity, quantities(source)) is expected

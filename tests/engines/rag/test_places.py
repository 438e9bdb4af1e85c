"""Places: which words name one that has rules, and which do not."""

from __future__ import annotations

import pytest

from engines.rag.places import region_in
from engines.runtime.settings import Settings


@pytest.mark.parametrize(
    ("written", "region"),
    [
        ("where do batteries go in Berlin", "germany"),
        ("german deposit bottles", "germany"),
        ("Germany's bottle deposit", "germany"),
        ("münchen", "germany"),
        ("in Cologne", "germany"),
        ("UK bins", "uk_england"),
        ("u.k. rules", "uk_england"),
        ("British councils", "uk_england"),
        ("English councils", "uk_england"),
        ("london", "uk_england"),
        ("can i recycle this in LA", "us_california"),
        ("where in la", "us_california"),
        ("I live in San Jose, CA", "us_california"),
        ("Los Angeles, USA", "us_california"),
        ("US rules", "us_single_stream"),
        ("in the us", "us_single_stream"),
        ("U.S. bottle bills", "us_single_stream"),
        ("Texas", "us_single_stream"),
        ("new york city", "us_single_stream"),
        ("New England", "us_single_stream"),
        ("new mexico", "us_single_stream"),
        ("give it to us in the UK", "uk_england"),
        ("NSW", "australia_nsw"),
        ("New South Wales", "australia_nsw"),
        ("Sydney council", "australia_nsw"),
        ("Tokyo's burnable waste", "japan_tokyo"),
        ("japan", "japan_tokyo"),
        ("vancouver bc", "canada_bc"),
        ("British Columbia", "canada_bc"),
        ("in bc", "canada_bc"),
        ("Paris", "france"),
        ("french yellow bin", "france"),
        ("the Netherlands", "netherlands"),
        ("dutch statiegeld", "netherlands"),
        ("in the hague", "netherlands"),
        ("Málaga", "spain"),
    ],
)
def test_a_place_is_found(written: str, region: str) -> None:
    assert region_in(written) == region


@pytest.mark.parametrize(
    "written",
    [
        pytest.param("tell us where it goes", id="us the pronoun"),
        pytest.param("TELL US WHERE IT GOES", id="us the pronoun, shouted"),
        pytest.param("nail polish remover", id="polish"),
        pytest.param("turkey bones", id="turkey"),
        pytest.param("plaster of Paris", id="plaster of Paris"),
        pytest.param("what is the paris agreement", id="a treaty"),
        pytest.param("french fries box", id="french fries"),
        pytest.param("dutch oven", id="dutch oven"),
        pytest.param("brussels sprouts", id="vegetables"),
        pytest.param("cologne bottle", id="perfume"),
        pytest.param("keep it bc its broken", id="because"),
        pytest.param("la la land dvd", id="la in small letters"),
        pytest.param("how do i say this in german?", id="the language"),
        pytest.param("bone china cup", id="china"),
        pytest.param("a nice bath", id="towns that are words"),
        pytest.param("Scotland", id="no rules: Scotland"),
        pytest.param("Scotland, UK", id="no rules beside a wider place"),
        pytest.param("Austria", id="no rules: Austria"),
        pytest.param("osaka", id="no rules: Osaka"),
        pytest.param("Toronto, Canada", id="no rules: Toronto"),
        pytest.param("Mexico", id="no rules: Mexico"),
        pytest.param("South America", id="a continent"),
        pytest.param("is it stricter in Germany or in France?", id="two places"),
        pytest.param("where does a jar go", id="no place"),
        pytest.param("", id="nothing"),
    ],
)
def test_no_place_is_found_where_there_is_none_with_rules(written: str) -> None:
    assert region_in(written) is None


def test_every_place_that_can_be_found_has_rules_and_every_place_with_rules_can_be_found() -> None:
    from engines.rag.places import PLACE_ID

    with_rules = {path.stem for path in Settings().rules_dir.glob("*.yaml")} - {"generic"}
    assert set(PLACE_ID.values()) - {""} == with_rules

"""The picture decides: the same words with another picture bring the passage that fits it."""

from collections.abc import Iterator

import pytest

from gateway.client import FrontdeskClient
from services.dialogue.domain.loader import load_domain
from services.local.suite import LocalSuite
from tests.harness.altered_vision import Alteration, AlteredVision, altered_vision
from tests.harness.second_gateway import second_gateway
from tests.harness.showing import Shown, figures, first_pairs, held_out_turns, in_each_others_place, take
from tests.harness.suite import ROOT

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

LEAST_RIGHT = 0.8
"""A gate against regressions; the figure itself is measured by ``tests.load.showing``."""
MOST_BY_CHANCE = 0.2
PAIRS_ALTERED = 12


@pytest.fixture(scope="module")
def turns() -> list[Shown]:
    return held_out_turns(load_domain(ROOT / "domains" / "shop"))


@pytest.fixture(scope="module")
def wordless() -> list[Shown]:
    return held_out_turns(load_domain(ROOT / "domains" / "shop"), wordless=True)


@pytest.fixture(scope="module")
def vision(suite: LocalSuite, turns: list[Shown]) -> AlteredVision:
    return AlteredVision(f"127.0.0.1:{suite.ports.vision}", in_each_others_place(turns))


@pytest.fixture(scope="module")
def altered(
    suite: LocalSuite, vision: AlteredVision, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FrontdeskClient]:
    folder = tmp_path_factory.mktemp("altered")
    with (
        altered_vision(vision) as target,
        second_gateway(suite, folder, {"FRONTDESK_GATEWAY_VISION_TARGET": target}) as client,
    ):
        yield client


def test_changing_only_the_picture_changes_the_cited_passage(
    client: FrontdeskClient, turns: list[Shown]
) -> None:
    found = figures(take(client, turns))
    assert found["pairs"] >= 50
    assert found["pairs_right"] >= LEAST_RIGHT, found


def test_it_holds_without_reading_where_pictures_have_no_words(
    altered: FrontdeskClient, vision: AlteredVision, wordless: list[Shown]
) -> None:
    vision.alteration = Alteration.WITHOUT_WORDS
    found = figures(take(altered, wordless))
    assert found["pairs"] >= 20
    assert found["pairs_right"] >= LEAST_RIGHT, found


@pytest.mark.parametrize("alteration", [Alteration.ZEROED, Alteration.SHUFFLED])
def test_it_fails_when_the_picture_is_taken_away(
    altered: FrontdeskClient, vision: AlteredVision, turns: list[Shown], alteration: Alteration
) -> None:
    vision.alteration = alteration
    found = figures(take(altered, first_pairs(turns, PAIRS_ALTERED)))
    assert found["pairs_right"] <= MOST_BY_CHANCE, found


def test_without_vision_the_turn_goes_on_and_says_so(
    suite: LocalSuite, turns: list[Shown], tmp_path_factory: pytest.TempPathFactory
) -> None:
    nowhere = {"FRONTDESK_GATEWAY_VISION_TARGET": "127.0.0.1:9"}
    with second_gateway(suite, tmp_path_factory.mktemp("blind"), nowhere) as client:
        turn = client.take_turn(text="How long does standard delivery take?", images=[turns[0].image])
    assert [notice.reason for notice in turn.notices] == ["VISION_UNAVAILABLE"]
    assert [citation.passage_id for citation in turn.citations][:1] == ["delivery-times"]

from dataclasses import replace
from pathlib import Path

import pytest

from services.dialogue.domain.types import OTHER, Domain
from services.dialogue.shown import seen_picture
from tests.fakes.dialogue import DialogueParts
from tests.fakes.fusion import pictured_files


@pytest.fixture
def domain(tmp_path: Path) -> Domain:
    return DialogueParts(tmp_path, files=pictured_files()).domain


def test_the_likeliest_picture_is_seen(domain: Domain) -> None:
    labels = ("lamp-red", "slip-late", OTHER)
    assert seen_picture(1, labels, (0.2, 0.7, 0.1), domain).picture_id == "slip-late"
    nothing = seen_picture(0, labels, (0.2, 0.1, 0.7), domain)
    assert (nothing.picture_id, nothing.probability) == ("", 0.7)


def test_pictures_of_which_the_same_is_said_count_as_one(domain: Domain) -> None:
    lamp = next(picture for picture in domain.pictures if picture.id == "lamp-red")
    twin = replace(lamp, id="lamp-red-zh")
    twins = replace(domain, pictures=(*domain.pictures, twin))
    labels = ("lamp-red", "lamp-red-zh", "slip-late", OTHER)
    seen = seen_picture(0, labels, (0.29, 0.31, 0.4, 0.0), twins)
    assert seen.picture_id == "lamp-red-zh"
    assert seen.probability == pytest.approx(0.6)

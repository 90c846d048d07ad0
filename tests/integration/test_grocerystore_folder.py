"""The domain folder of the real GroceryStore, where the data sets are."""

from pathlib import Path

import pytest

from services.dialogue.domain.bundle import BundleLimits, pack, unpack
from services.dialogue.domain.loader import load_domain, load_files, read_folder
from training.data.grocerystore.folder import build


@pytest.fixture(scope="module")
def built(data_sets: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = data_sets / "grocerystore"
    if not data.is_dir():
        pytest.skip(f"no {data}: set FRONTDESK_DATA to a folder that holds it")
    out = tmp_path_factory.mktemp("domains") / "grocerystore"
    build(data, out)
    return out


def test_every_product_has_its_texts_and_photographs(built: Path) -> None:
    domain = load_domain(built)

    assert len(domain.products) == 81
    assert len(domain.kinds) == 43
    assert {picture.product for picture in domain.pictures} == set(domain.products)
    for picture in domain.pictures:
        assert picture.passages[0] == f"{picture.id}-about"
        assert any((built / "photos" / picture.id).iterdir())
    assert sum(1 for _ in built.glob("photos/*/*.jpg")) == 2_640
    assert sum(1 for _ in built.glob("evaluation/photos/*/*.jpg")) == 296
    # All that name a product find its passage: none was left out for a wrong id.
    assert len(domain.evaluation) == 24
    assert len({pair.question for pair in domain.evaluation_pairs}) >= 50


def test_words_alone_never_tell_which_product_is_meant(built: Path) -> None:
    domain = load_domain(built)
    names = [name["en"].lower() for name in (*domain.products.values(), *domain.kinds.values())]
    asked = [question.text for question in domain.showing] + [p.question for p in domain.evaluation_pairs]

    assert [(text, name) for text in asked for name in names if name in text.lower()] == []


def test_what_is_published_leaves_photographs_out(built: Path) -> None:
    files = read_folder(built)

    bundle = pack(files)

    assert len(bundle) < 2 * 1024 * 1024
    published = load_files(unpack(bundle, BundleLimits()))
    assert published.version == load_domain(built).version
    assert len(published.pictures) == 81

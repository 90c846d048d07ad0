"""The domain folder of GroceryStore, from a data set of three products in the same form."""

from pathlib import Path

import pytest
from PIL import Image

from services.dialogue.domain.loader import load_domain
from training.data.grocerystore.aspects import passage_text, read_aspects
from training.data.grocerystore.folder import build
from training.data.grocerystore.products import GroceryDataError, read_products

APPLE = """\ufeffTitle: Apple Granny Class 1
Country and volume: The Netherlands, ca 180g
Description: Granny is a green apple. It tastes sour. Suitable for cakes. Keep it stored in a refrigerator.
"""
BEET = """Title: Beet Class 1
Country: USA
Description: A red root.
"""
JUICE = """Title: Äpple Juice
Manufacturer and volume: BRAVO KO , 2l
Manufacturing country: Sverige
Ingredients: Äpplejuice.
Nutrition values per 100 gram:
   energi ca 180 kilojoule
   energi ca 45 kilokalori
   fett ca 0.5 gram
   varav mättat fett ca 0.1 gram
   varav sockerarter ca 9.5 gram
"""
CLASSES = {
    "Granny": ("Fruit/Apple", APPLE, "Granny is a green apple. It tastes sour. Suitable for cakes."),
    "Red-Beet": ("Vegetables/Red-Beet", BEET, "A red root."),
    "Bravo-Apple-Juice": (
        "Packages/Juice",
        JUICE,
        "Ready to drink. First shake it well. Then eat cake with it.",
    ),
}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    rows = [
        "Class Name (str),Class ID (int),Coarse Class Name (str),Coarse Class ID (int),Iconic,Description"
    ]
    lists: dict[str, list[str]] = {"train": [], "val": []}
    for number, (name, (place, information, description)) in enumerate(CLASSES.items()):
        beside = f"texts/{place}/{name}"
        (folder / beside).mkdir(parents=True)
        # One class of the data set has a hyphen here.
        joint = "-" if number == 1 else "_"
        (folder / beside / f"{name}{joint}Information.txt").write_text(information, encoding="utf-8")
        (folder / beside / f"{name}_Description.txt").write_text(description, encoding="utf-8")
        Image.new("RGB", (20, 20), (200, 40 * number, 0)).save(folder / beside / f"{name}_Iconic.jpg")
        coarse = place.rpartition("/")[2]
        iconic, described = (f"/{beside}/{name}_{end}" for end in ("Iconic.jpg", "Description.txt"))
        rows.append(f"{name},{number},{coarse},{number},{iconic},{described}")
        for split, listed in lists.items():
            photo = folder / split / place / f"{name}_001.jpg"
            photo.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (16, 16), (0, 40 * number, 99)).save(photo)
            listed.append(f"{photo.relative_to(folder)}, {number}, {number}")
    (folder / "classes.csv").write_text("\n".join(rows), encoding="utf-8")
    for split, listed in lists.items():
        (folder / f"{split}.txt").write_text("\n".join(listed), encoding="utf-8")
    (folder / "LICENSE").write_text("MIT License", encoding="utf-8")
    return folder


@pytest.fixture
def built(data: Path, tmp_path: Path) -> Path:
    out = tmp_path / "domain"
    build(data, out)
    return out


def test_facts_are_those_of_the_texts(data: Path) -> None:
    apple, beet, juice = read_products(data)

    assert (apple.name, apple.kind, apple.country, apple.maker) == (
        "Granny apple",
        "apple",
        "The Netherlands",
        None,
    )
    assert apple.amount is not None
    assert apple.amount.text == "about 180 g"
    assert (beet.name, beet.country, beet.amount) == ("Red Beet", "USA", None)
    assert (juice.name, juice.country, juice.maker) == ("Bravo Apple Juice", "Sweden", "Bravo Ko")
    assert juice.amount is not None
    assert juice.amount.text == "2 litres"
    assert juice.nutrients == {"calories": "45", "sugar": "9.5", "fat": "0.5"}


def test_a_passage_says_only_what_the_data_says_of_its_aspect(data: Path) -> None:
    apple, beet, juice = read_products(data)

    assert passage_text(apple, "taste") == "It tastes sour."
    assert passage_text(apple, "use") == "Suitable for cakes."
    assert passage_text(apple, "origin") == "Granny apple: the country of origin is the Netherlands."
    assert passage_text(beet, "origin") == "Red Beet: the country of origin is the USA."
    assert passage_text(juice, "origin") == "Bravo Apple Juice: it is made in Sweden."
    assert passage_text(juice, "size") == "Bravo Apple Juice: a package holds 2 litres."
    assert passage_text(juice, "use") == "First shake it well. Then eat cake with it."
    silent = [passage_text(beet, aspect) for aspect in ("taste", "use", "storage", "size", "maker", "sugar")]
    assert silent == [None] * 6


def test_the_folder_is_a_right_domain_with_its_photographs(built: Path) -> None:
    domain = load_domain(built)

    assert domain.product_labels == ("bravo-apple-juice", "granny", "red-beet", "other")
    assert domain.kind_labels == ("apple", "juice", "red-beet", "other")
    pictures = {picture.id: picture for picture in domain.pictures}
    assert pictures["red-beet"].passages == ("red-beet-about", "red-beet-origin")
    assert pictures["granny"].media_type == "image/webp"
    sugar = next(question for question in domain.showing if question.text == "Is it very sugary?")
    assert sugar.answers == {"bravo-apple-juice": "bravo-apple-juice-sugar"}
    for split in ("photos", "evaluation/photos"):
        assert [path.name for path in (built / split / "granny").iterdir()] == ["Granny_001.jpg"]
    with Image.open(built / "photos" / "granny" / "Granny_001.jpg") as photo:
        assert photo.size == (16, 16)
    assert (built / "LICENSE").read_text(encoding="utf-8") == "MIT License"


def test_questions_name_no_product(data: Path) -> None:
    names = {word.lower() for product in read_products(data) for word in product.name.split()}
    for aspect in read_aspects():
        for wording in (*aspect.showing, *aspect.held_out):
            said = {word.strip(".,?!").lower() for word in wording.split()}
            assert not said & (names - {"red"}), wording


def test_building_again_replaces_all_but_models(data: Path, built: Path) -> None:
    before = load_domain(built).version
    (built / "models").mkdir()
    (built / "models" / "kept").touch()
    (built / "passages" / "stale.en.md").touch()

    build(data, built)

    assert load_domain(built).version == before
    assert (built / "models" / "kept").is_file()
    assert not (built / "passages" / "stale.en.md").exists()


def test_a_folder_of_something_else_is_left_alone(data: Path, tmp_path: Path) -> None:
    theirs = tmp_path / "letters"
    theirs.mkdir()
    (theirs / "dear.txt").touch()

    with pytest.raises(GroceryDataError, match="holds something else"):
        build(data, theirs)

    assert [path.name for path in theirs.iterdir()] == ["dear.txt"]


def test_an_incomplete_data_set_is_told_by_what_is_missing(data: Path, tmp_path: Path) -> None:
    (data / "texts/Fruit/Apple/Granny/Granny_Information.txt").unlink()

    with pytest.raises(
        GroceryDataError, match=r"Granny_Description\.txt: the description or the information"
    ):
        build(data, tmp_path / "domain")

    with pytest.raises(GroceryDataError, match=r"classes\.csv is missing"):
        build(tmp_path / "nowhere", tmp_path / "domain")

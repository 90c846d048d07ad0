"""Pictures of a domain folder: read, checked, and packed without what stays with its owner."""

from collections.abc import Mapping

import pytest

from services.dialogue.domain.bundle import BundleLimits, pack, unpack
from services.dialogue.domain.loader import load_domain, load_files
from services.dialogue.domain.problems import DomainError, Problem
from tests.fakes.domain_folder import domain_files

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 40

PICTURES = """\
pictures:
  - id: lamp-red
    file: pictures/lamp-red.png
    product: lamp
    kind: panel
    passages: [warranty, order-cancel]
    seen: {en: I can see a red light., zh: 我看到红灯。}
    caption: {en: A red light, zh: 红灯}
    words: [Power, "402"]
  - id: lamp-off
    file: pictures/lamp-off.webp
    kind: panel
    passages: [order-address]
    seen: {en: I can see no light., zh: 我看到灯没亮。}
    caption: {en: No light, zh: 灯不亮}
  - {id: box, file: pictures/box.jpg, kind: view, passages: [], seen: {en: A box., zh: 盒子。}, caption: {en: Box, zh: 盒子}}
"""  # noqa: E501

SHOWING = """\
questions:
  - kinds: [panel]
    ask:
      en: ["What does this mean?"]
      zh: ["这是什么意思？"]
  - answers: {box: order-cancel}
    ask:
      en: ["Take it back?", "Can it go back?"]
      zh: ["能退吗？"]
"""

EVALUATION = """\
questions:
  - {question: undo my purchase, language: en, passage: order-cancel}
showing:
  - {language: en, question: "Is this bad?", shows: {lamp-red: warranty, lamp-off: order-address}}
"""


def files() -> dict[str, bytes]:
    found = domain_files()
    header = (
        "products: {lamp: {en: Lamp, zh: 灯}}\nkinds: {panel: {en: Panel, zh: 面板}, view: {en: V, zh: 图}}\n"
    )
    return {
        **found,
        "domain.yaml": found["domain.yaml"] + header.encode(),
        "pictures.yaml": PICTURES.encode(),
        "showing.yaml": SHOWING.encode(),
        "evaluation.yaml": EVALUATION.encode(),
        "pictures/lamp-red.png": PNG,
        "pictures/lamp-off.webp": b"RIFF\x20\0\0\0WEBPVP8 " + b"\0" * 20,
        "pictures/box.jpg": b"\xff\xd8\xff\xe0" + b"\0" * 20,
    }


def faults(given: Mapping[str, bytes]) -> list[Problem]:
    with pytest.raises(DomainError) as caught:
        load_files(given)
    return list(caught.value.problems)


def test_pictures_and_what_is_asked_with_them() -> None:
    domain = load_files(files())

    assert domain.product_labels == ("lamp", "other")
    assert domain.kind_labels == ("panel", "view", "other")
    assert domain.picture_labels == ("box", "lamp-off", "lamp-red", "other")
    box, off, red = domain.pictures
    assert (red.product, red.kind, red.passages) == ("lamp", "panel", ("warranty", "order-cancel"))
    assert red.words == ("Power", "402")
    assert red.seen["zh"] == "我看到红灯。"
    assert red.content == PNG
    assert [p.media_type for p in (box, off, red)] == ["image/jpeg", "image/webp", "image/png"]
    assert off.product is None
    english = [q for q in domain.showing if q.language == "en"]
    assert english[0].answers == {"lamp-off": "order-address", "lamp-red": "warranty"}
    assert [q.text for q in english] == ["What does this mean?", "Take it back?", "Can it go back?"]
    assert english[2].answers == {"box": "order-cancel"}
    (pair,) = domain.evaluation_pairs
    assert pair.shows == {"lamp-red": "warranty", "lamp-off": "order-address"}


def test_a_domain_needs_no_pictures() -> None:
    domain = load_files(domain_files())

    assert (domain.pictures, domain.showing, domain.evaluation_pairs) == ((), (), ())
    assert domain.picture_labels == ("other",)


@pytest.mark.parametrize(
    ("name", "old", "new", "line", "words"),
    [
        ("pictures.yaml", "lamp-red.png", "lamp-rad.png", 3, "(do you mean 'pictures/lamp-red.png'?)"),
        ("pictures.yaml", "pictures/lamp-red.png", "lamp-red.png", 3, "is not in pictures/"),
        ("pictures.yaml", "product: lamp", "product: lump", 4, "(do you mean 'lamp'?)"),
        ("pictures.yaml", "kind: panel", "kind: penel", 5, "(do you mean 'panel'?)"),
        ("pictures.yaml", "[warranty, ", "[warranti, ", 6, "(do you mean 'warranty'?)"),
        ("pictures.yaml", ", zh: 我看到红灯。", "", 7, "translation missing: 'seen' has no 'zh'"),
        ("pictures.yaml", "{en: No light, zh: 灯不亮}", "{zh: 灯不亮}", 15, "'caption' has no 'en'"),
        ("pictures.yaml", "id: lamp-off", "id: lamp-red", 10, "stands twice (first in line 2)"),
        ("pictures.yaml", "id: lamp-off", "id: other", 10, "the id 'other' cannot be used"),
        ("pictures.yaml", "id: lamp-off", "id: Lamp off", 10, "begin with a-z or 0-9"),
        ("pictures.yaml", "words:", "word:", 9, "(do you mean 'words'?)"),
        ("domain.yaml", "zh: 灯}", "fr: lampe}", 5, "unknown language 'fr'"),
        ("domain.yaml", "{lamp:", "{Lamp!:", 5, "the id 'Lamp!' cannot be used"),
        ("showing.yaml", "[panel]", "[panels]", 2, "(do you mean 'panel'?)"),
        ("showing.yaml", "{box:", "{bax:", 6, "there is no picture 'bax' (do you mean 'box'?)"),
        ("showing.yaml", "order-cancel}", "order-cancle}", 6, "(do you mean 'order-cancel'?)"),
        ("showing.yaml", "  - kinds: [panel]\n    ask", "  - ask", 2, "say with which pictures"),
        ("showing.yaml", "kinds: [panel]", "kinds: [view]", 2, "no picture answers it"),
        ("showing.yaml", '      zh: ["能退吗？"]\n', "", 8, "translation missing: 'ask' has no 'zh'"),
        ("showing.yaml", "Can it go back?", "take it back", 8, "asked before with picture 'box' (in line 8)"),
        ("evaluation.yaml", "Is this bad?", "what does this mean", 4, "trained on in showing.yaml:4"),
        ("evaluation.yaml", "Is this bad?", "my order battery question", 4, "intents/order_change.yaml"),
        ("evaluation.yaml", "undo my purchase", "Take it back!", 2, "trained on in showing.yaml:8"),
        ("evaluation.yaml", ", lamp-off: order-address", "", 4, "name two pictures"),
        ("evaluation.yaml", "off: order-address", "off: warranty", 4, "two different passages"),
    ],
)
def test_a_fault_is_named_with_file_and_line(name: str, old: str, new: str, line: int, words: str) -> None:
    given = files()
    assert old in given[name].decode()
    given[name] = given[name].decode().replace(old, new, 1).encode()

    found = faults(given)

    assert any(p.file == name and p.line == line and words in p.message for p in found), list(map(str, found))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"GIF89a" + b"\0" * 20, "is not JPEG, PNG or WebP"),
        (b"", "is not JPEG, PNG or WebP"),
        (PNG + b"\0" * 1024 * 1024, "bytes, at most 1048576"),
    ],
)
def test_a_file_is_judged_by_its_content(content: bytes, words: str) -> None:
    (fault,) = faults({**files(), "pictures/lamp-red.png": content})

    assert (fault.file, fault.line) == ("pictures.yaml", 3)
    assert words in fault.message


def test_a_picture_that_nothing_names_is_a_fault() -> None:
    (fault,) = faults({**files(), "pictures/spare.png": PNG})
    assert (fault.file, fault.message) == (
        "pictures/spare.png",
        "no picture in pictures.yaml names this file",
    )

    assert len(faults({**domain_files(), "pictures/spare.png": PNG})) == 1


def test_the_version_covers_pictures_but_not_what_is_held_out(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    version = load_files(files()).version

    assert load_files({**files(), "pictures/lamp-red.png": PNG + b"\1"}).version != version
    showing = files()["showing.yaml"].replace(b"Take it back?", b"Take it?")
    assert load_files({**files(), "showing.yaml": showing}).version != version
    folder = tmp_path_factory.mktemp("domain")
    kept = {
        "photos/box/1.jpg": b"x",
        "evaluation/photos/box/1.jpg": b"x",
        "models/fusion/model.onnx": b"x",
        "demo/demo.yaml": b"x",
    }
    for name, content in {**files(), **kept}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    assert load_domain(folder).version == version


def test_a_bundle_carries_pictures_but_not_photographs_and_models() -> None:
    kept = {
        "photos/box/1.jpg": b"x",
        "evaluation/photos/box/1.jpg": b"x",
        "models/fusion/model.onnx": b"x",
        "demo/demo.yaml": b"x",
    }
    bundle = pack({**files(), **kept})

    unpacked = unpack(bundle, BundleLimits())

    assert bundle == pack(files())
    assert unpacked["pictures/lamp-red.png"] == PNG
    assert not kept.keys() & unpacked.keys()
    assert load_files(unpacked).picture_labels == load_files(files()).picture_labels

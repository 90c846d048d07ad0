"""The demo of a domain, read from its folder."""

from pathlib import Path

import pytest

from gateway.cli.context import UsageError
from gateway.cli.demo_script import DemoTurn, read_script

SHOP = Path(__file__).parents[3] / "domains" / "shop"


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    file = tmp_path / "demo" / "demo.yaml"
    file.parent.mkdir()
    (file.parent / "a.jpg").write_bytes(b"picture")
    return file


def test_turns_are_read_in_order(demo: Path) -> None:
    demo.write_text(
        "turns: [{name: one, say: hello, voice: bella}, {name: two-2, type: 你好, show: [a.jpg, a.jpg]}]"
    )
    picture = demo.parent / "a.jpg"
    assert read_script(demo.parent.parent) == (
        DemoTurn("one", say="hello", voice="bella"),
        DemoTurn("two-2", type="你好", show=(picture, picture)),
    )


def test_the_shop_says_types_and_shows() -> None:
    turns = read_script(SHOP)
    assert turns[0].say  # first: the time to the first answer counts
    assert not turns[0].show
    assert any(turn.type and turn.show for turn in turns)
    assert any(turn.say and turn.show for turn in turns)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "has no demo"),
        ("turns: [", "not YAML"),
        ("turn: []", "no turns"),
        ("- turns", "no turns"),
        ("turns: [hello]", "turn 1: a turn has name, say"),
        ("turns: [{say: hello}]", "turn 1: name it"),
        ("turns: [{name: ../a, say: hello}]", "turn 1: name it"),
        ("turns: [{name: a, says: hello}]", "turn 1: a turn has name, say"),
        ("turns: [{name: a}]", "turn 1: it needs"),
        ("turns: [{name: a, type: 1}]", "turn 1: name, say, voice and type are texts"),
        ("turns: [{name: a, show: a.jpg}]", "turn 1: show is a list"),
        ("turns: [{name: a, say: hi}, {name: b, show: [none.png]}]", "turn 2: there is no file"),
        ("turns: [{name: a, say: hi}, {name: a, say: hi}]", "one name"),
    ],
)
def test_what_is_wrong_is_told_in_a_line(demo: Path, text: str | None, words: str) -> None:
    if text is not None:
        demo.write_text(text)
    with pytest.raises(UsageError) as refused:
        read_script(demo.parent.parent)
    assert words in str(refused.value)
    assert str(demo) in str(refused.value)
    assert "\n" not in str(refused.value)

"""``frontdesk explain`` as a program, before scripted services."""

import io
import json
from pathlib import Path

import pytest
from PIL import Image

from tests.contract.gateway.test_command_line import frontdesk
from tests.fakes.services import PNG
from tests.harness.gateway import OTHER_API_KEY, ServedGateway


async def took(gateway: ServedGateway, tmp_path: Path, *arguments: str, turn_id: str = "t1") -> None:
    shown = tmp_path / "shown.png"
    shown.write_bytes(PNG + b"E-1042")
    taken = await frontdesk(
        gateway.served.target,
        *("turn", "--session", "s1", "--turn-id", turn_id, "--text", "what is this"),
        *("--image", str(shown), *arguments),
    )
    assert taken.returncode == 0, taken.stderr


async def test_the_latest_turn_is_told_with_bars_and_shades(gateway: ServedGateway, tmp_path: Path) -> None:
    await took(gateway, tmp_path)
    told = await frontdesk(gateway.served.target, "explain", "s1", "--regions")
    assert (told.returncode, told.stderr) == (0, "")
    first, _, *parts, heading, shades = told.stdout.splitlines()
    assert first == "Explained passage orders.track, probability 0.75"
    assert {part.split("+")[0].strip() for part in parts} == {
        "what was typed",
        "look of picture 1",
        "words in picture 1",
    }
    assert all("+0.25  ████████████████  0.50" in part for part in parts)
    assert heading.startswith("Regions of picture 1")
    assert shades.strip() == "██"


async def test_as_json(gateway: ServedGateway, tmp_path: Path) -> None:
    await took(gateway, tmp_path)
    await took(gateway, tmp_path, turn_id="t2")
    told = await frontdesk(gateway.served.target, "explain", "s1", "t1", "--regions", "--json")
    [line] = told.stdout.splitlines()
    explained = json.loads(line)
    assert explained["passage_id"] == "orders.track"
    assert {part["modality"] for part in explained["contributions"]} == {"TEXT", "IMAGE", "IMAGE_TEXT"}
    assert explained["regions"] == [
        {"image_index": 0, "rows": 1, "columns": 1, "contributions": [0.25]},
    ]


async def test_it_is_drawn_over_the_picture(gateway: ServedGateway, tmp_path: Path) -> None:
    await took(gateway, tmp_path)
    photo, out = tmp_path / "photo.png", tmp_path / "why.png"
    Image.new("RGB", (64, 48), (0, 0, 255)).save(photo)
    told = await frontdesk(
        gateway.served.target, *("explain", "s1", "t1", "--out", str(out), "--image", str(photo))
    )
    assert told.returncode == 0, told.stderr
    assert told.stdout.splitlines()[-1] == f"Drawing {out}"
    colours = Image.open(io.BytesIO(out.read_bytes())).convert("RGB").getcolors(maxcolors=1 << 20)
    assert colours
    assert (0, 0, 255) in {colour for _, colour in colours}


@pytest.mark.parametrize(
    ("arguments", "exit_code", "words"),
    [
        (("s1", "t9"), 1, "TURN_NOT_FOUND"),
        (("s9",), 1, "SESSION_NOT_FOUND"),
        (("s1", "--out", "why.doc"), 2, ".png"),
        (("s1", "--image", __file__), 2, "--out"),
    ],
)
async def test_what_goes_wrong_is_told_in_a_sentence(
    gateway: ServedGateway, tmp_path: Path, arguments: tuple[str, ...], exit_code: int, words: str
) -> None:
    await took(gateway, tmp_path)
    told = await frontdesk(gateway.served.target, "explain", *arguments)
    assert told.returncode == exit_code
    assert len(told.stderr.splitlines()) == 1
    assert words in told.stderr
    theirs = await frontdesk(gateway.served.target, "explain", "s1", key=OTHER_API_KEY)
    assert "SESSION_NOT_FOUND" in theirs.stderr

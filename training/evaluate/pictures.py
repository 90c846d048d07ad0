"""``python -m training.evaluate.pictures --domain DIR``: how well the words in a domain's pictures are read.

Runs a real Triton with the exported reader, and the vision service's own decoding before it. Compares with
the ``words`` of ``pictures.yaml``: character accuracy is 1 - edit distance / characters, over all pictures
together, white space left out and full-width forms made alike (NFKC). With ``--variants N`` also N held-out
variants of each picture, as customers would take it: light, angle, crop, blur, JPEG.
"""

import argparse
import asyncio
import io
import json
import re
import socket
import tempfile
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from rapidfuzz.distance import Levenshtein
from rich.console import Console
from rich.table import Table

from services.dialogue.domain.loader import load_domain
from services.dialogue.domain.types import Picture
from services.inference.client import TritonClient
from services.triton.local_server import LocalTriton
from services.vision.annotator import Feature, ImageAnnotator
from services.vision.decoding import PictureLimits
from services.vision.labels import ModelLabels
from services.vision.model import OCR
from training.data.variants import variant

_TIMEOUT_SECONDS = 60.0
_JPEG_QUALITY = 85


@dataclass(frozen=True)
class Reading:
    """A picture that was read: ``wrong`` characters of ``characters``."""

    picture: str
    expected: str
    read: str
    wrong: int

    @property
    def characters(self) -> int:
        """Characters that stand in the picture."""
        return len(self.expected)


def compared(picture: str, words: Sequence[str], read: Sequence[str]) -> Reading:
    """Compare what was read, line by line, with what stands in the picture."""
    expected, found = comparable(words), comparable(read)
    return Reading(picture, expected, found, Levenshtein.distance(expected, found))


def comparable(lines: Sequence[str]) -> str:
    """Join lines without white space, full-width forms as the usual ones."""
    return re.sub(r"\s", "", unicodedata.normalize("NFKC", "".join(lines)))


def accuracy(readings: Sequence[Reading]) -> float:
    """Share of characters that were read right, over all readings together, in percent."""
    characters = sum(reading.characters for reading in readings)
    return 100 * (1 - sum(reading.wrong for reading in readings) / characters) if characters else 0.0


async def read_all(
    annotator: ImageAnnotator, pictures: Sequence[tuple[str, bytes, Sequence[str]]]
) -> list[Reading]:
    """Read encoded pictures, each (name, bytes, the words that stand in it)."""
    readings = []
    for name, content, words in pictures:
        seen = await annotator.annotate(content, [Feature.TEXT], timeout_seconds=_TIMEOUT_SECONDS)
        readings.append(compared(name, words, [line.text for line in seen.lines]))
    return readings


def varied(pictures: Sequence[Picture], count: int) -> Iterator[tuple[str, bytes, Sequence[str]]]:
    """Held-out variants of pictures, encoded as JPEG."""
    for picture in pictures:
        image = Image.open(io.BytesIO(picture.content)).convert("RGB")
        for seed in range(count):
            encoded = io.BytesIO()
            variant(image, seed, held_out=True).save(encoded, "JPEG", quality=_JPEG_QUALITY)
            yield f"{picture.id} variant {seed}", encoded.getvalue(), picture.words


async def _measure(url: str, pictures: Sequence[Picture], variants: int) -> dict[str, list[Reading]]:
    triton = TritonClient(url)
    try:
        annotator = ImageAnnotator(triton, ModelLabels(triton), PictureLimits())
        stored = [(picture.id, picture.content, picture.words) for picture in pictures]
        figures = {"pictures": await read_all(annotator, stored)}
        if variants:
            figures["held-out variants"] = await read_all(annotator, list(varied(pictures, variants)))
        return figures
    finally:
        await triton.close()


def main() -> None:
    """Print a table, the pictures that were not read whole, and write JSON where told to."""
    parser = argparse.ArgumentParser(prog="python -m training.evaluate.pictures", description=__doc__)
    parser.add_argument("--domain", type=Path, default=Path("domains/shop"))
    parser.add_argument("--repository", type=Path, default=Path("build/model_repository"))
    parser.add_argument("--variants", type=int, default=0, help="held-out variants of each picture")
    parser.add_argument("--out", type=Path, help="JSON file for the figures")
    arguments = parser.parse_args()
    pictures = [picture for picture in load_domain(arguments.domain).pictures if picture.words]
    if not pictures:
        parser.error(f"{arguments.domain} has no pictures with words")
    with tempfile.TemporaryDirectory() as folder:
        grpc_port, http_port, metrics_port = _free_ports(3)
        with LocalTriton(
            arguments.repository,
            grpc_port=grpc_port,
            http_port=http_port,
            metrics_port=metrics_port,
            log_file=Path(folder) / "triton.log",
            models=[OCR.name],
        ) as triton:
            figures = asyncio.run(_measure(triton.url, pictures, arguments.variants))
    report(figures, arguments.out)


def report(figures: dict[str, list[Reading]], out: Path | None) -> None:
    """Print the figures, and write them to ``out`` where it is given."""
    console = Console()
    table = Table("what", "pictures", "characters", "read right, %")
    summary = {}
    for name, readings in figures.items():
        characters = sum(reading.characters for reading in readings)
        table.add_row(name, str(len(readings)), str(characters), f"{accuracy(readings):.2f}")
        summary[name] = {
            "pictures": len(readings),
            "characters": characters,
            "accuracy_percent": round(accuracy(readings), 2),
        }
        for reading in sorted(readings, key=lambda reading: -reading.wrong)[:10]:
            if reading.wrong:
                console.print(f"{reading.picture}: {reading.wrong} of {reading.characters} characters wrong")
                console.print(f"  stands: {reading.expected}", highlight=False, soft_wrap=True, markup=False)
                console.print(f"  read:   {reading.read}", highlight=False, soft_wrap=True, markup=False)
    console.print(table)
    if out:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(summary, indent=2), encoding="utf-8")


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [sock.getsockname()[1] for sock in sockets]
    finally:
        for sock in sockets:
            sock.close()


if __name__ == "__main__":
    main()

"""``python -m training.pictures --domain domains/shop``: draws the domain's pictures."""

import argparse
from pathlib import Path

from services.dialogue.domain.loader import load_domain
from training.pictures.catalog import DRAWINGS

QUALITY = 82
"""Of WebP, 0 to 100: the drawings take 10 to 30 KB each and stay legible."""


def main() -> None:
    """Draw every picture anew, or those given by id, and say whose words pictures.yaml has otherwise."""
    parser = argparse.ArgumentParser(prog="python -m training.pictures", description=__doc__)
    parser.add_argument("--domain", type=Path, default=Path("domains/shop"), help="the domain folder")
    parser.add_argument("ids", nargs="*", metavar="ID", help="pictures to draw; all by default")
    arguments = parser.parse_args()
    if unknown := set(arguments.ids) - set(DRAWINGS):
        parser.error(f"nothing draws {', '.join(sorted(unknown))}: see training/pictures/catalog.py")
    folder = arguments.domain / "pictures"
    folder.mkdir(exist_ok=True)
    words = {}
    for picture_id in arguments.ids or DRAWINGS:
        drawing = DRAWINGS[picture_id]()
        words[picture_id] = tuple(drawing.words)
        file = folder / f"{picture_id}.webp"
        drawing.finished().save(file, "WEBP", quality=QUALITY, method=6)
        print(f"{file}: {file.stat().st_size / 1024:.0f} KB")
    for picture in load_domain(arguments.domain).pictures:
        if words.get(picture.id, picture.words) != picture.words:
            print(f"pictures.yaml has other words of {picture.id!r}: {list(words[picture.id])} were drawn")


if __name__ == "__main__":
    main()

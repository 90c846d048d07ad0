"""``python -m training.pictures --domain domains/shop``: draws the pictures that the domain names."""

import argparse
from pathlib import Path

from training.pictures.catalog import DRAWINGS

QUALITY = 82
"""Of WebP, 0 to 100: the drawings take 10 to 40 KB each and stay legible."""


def main() -> None:
    """Draw every picture anew, or those given by id."""
    parser = argparse.ArgumentParser(prog="python -m training.pictures", description=__doc__)
    parser.add_argument("--domain", type=Path, default=Path("domains/shop"), help="the domain folder")
    parser.add_argument("ids", nargs="*", metavar="ID", help="pictures to draw; all by default")
    arguments = parser.parse_args()
    for picture_id in arguments.ids or DRAWINGS:
        file = arguments.domain / "pictures" / f"{picture_id}.webp"
        file.parent.mkdir(parents=True, exist_ok=True)
        DRAWINGS[picture_id]().finished().save(file, "WEBP", quality=QUALITY, method=6)
        print(f"{file}: {file.stat().st_size / 1024:.0f} KB")


if __name__ == "__main__":
    main()

"""How the words in a picture may come to be read: with lines and characters missing or wrong."""

from collections.abc import Sequence
from typing import Final

import numpy as np

_LINE_LOST: Final = 0.2
_LINE_CUT: Final = 0.1
_CHARACTER_LOST: Final = 0.02
_CHARACTER_WRONG: Final = 0.03
_ALIKE: Final = {
    "0": "O", "O": "0", "1": "l", "l": "1", "I": "l", "5": "S", "S": "5", "8": "B", "B": "8",
    "-": " ", ":": " ", ".": "", ",": ".", "o": "0", "Z": "2", "2": "Z", "g": "9",
}  # fmt: skip


def reading(lines: Sequence[str], seed: int) -> str:
    """Give ``lines`` (at least one) as they may be read, joined by line breaks; seed 0 reads all right.

    The same seed gives the same reading; at least one line is always left.
    """
    if seed == 0:
        return "\n".join(lines)
    rng = np.random.default_rng([40, seed])
    kept = [line for line in lines if rng.random() >= _LINE_LOST] or [lines[int(rng.integers(len(lines)))]]
    read = [_misread(line, rng) for line in kept]
    return "\n".join(line for line in read if line.strip()) or kept[0]


def _misread(line: str, rng: np.random.Generator) -> str:
    if rng.random() < _LINE_CUT and len(line) > 4:
        cut = int(rng.integers(1, len(line) // 2))
        line = line[cut:] if rng.random() < 0.5 else line[:-cut]
    found = []
    for character in line:
        chance = rng.random()
        if chance < _CHARACTER_LOST:
            continue
        wrong = chance < _CHARACTER_LOST + _CHARACTER_WRONG
        found.append(_ALIKE.get(character, character) if wrong else character)
    return "".join(found)

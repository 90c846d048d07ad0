"""Splits a text where a speaker may pause."""

import re
from collections.abc import Callable

_CLAUSE = re.compile(r"(?<=[,;:—，、；：])\s*|(?<=[.!?…。！？])[\"”’」』)）]*\s+|(?<=[。！？])")


def split(text: str, weigh: Callable[[str], int], first: int, largest: int) -> list[str]:
    """Clauses of ``text``, joined to pieces that are as long as they may be.

    ``weigh(clause)`` is a clause's length. The first piece ends at the first pause after ``first``, so
    that it is heard soon; the others hold up to ``largest``.
    """
    pieces, piece, weight = [], "", 0
    for clause in filter(None, _CLAUSE.split(text)):
        more = weigh(clause)
        if piece and (weight + more > largest or (not pieces and weight >= first)):
            pieces.append(piece)
            piece, weight = "", 0
        joint = " " if piece and piece[-1].isascii() else ""
        piece, weight = piece + joint + clause, weight + more
    # A last word of its own sounds cut off.
    if pieces and weight < first and weigh(pieces[-1]) + weight <= largest and len(pieces) > 1:
        piece = pieces.pop() + (" " if pieces[-1][-1].isascii() else "") + piece
    return [*pieces, piece] if piece.strip() else pieces


def pause_seconds(piece: str) -> float:
    """The silence that follows a piece inside a text."""
    return 0.12 if piece.rstrip()[-1:] in ",;:—，、；：" else 0.28

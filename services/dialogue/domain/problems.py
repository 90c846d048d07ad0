"""Faults of a domain folder, each with its place."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One fault. ``file`` is relative to the domain folder, ``line`` counts from 1."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


class DomainError(Exception):
    """The folder has faults; ``problems`` names each, in order of file and line."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(map(str, self.problems)))


class BundleError(Exception):
    """The archive cannot be read safely; the message says why."""


def nearest(word: str, known: Iterable[str]) -> str:
    """ " (do you mean …?)" when one of ``known`` is close to ``word``, else empty."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f" (do you mean {close[0]!r}?)" if close else ""

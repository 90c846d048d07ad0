"""Passages in Markdown: ``# Topic``, then sections ``## Title {#passage-id}`` with their text."""

import re
from dataclasses import dataclass

from services.dialogue.domain.problems import Problem
from services.dialogue.domain.types import Passage
from services.dialogue.domain.yaml_source import decode

MAX_PASSAGE_CHARACTERS = 4_000

_SECTION = re.compile(r"##\s+(?P<title>.*?)\s*\{#(?P<id>[^}]*)\}\s*")
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")


@dataclass(frozen=True, slots=True)
class PlacedPassage:
    """A passage and where it stands."""

    passage: Passage
    file: str
    line: int


def read_passages(file: str, content: bytes, language: str, problems: list[Problem]) -> list[PlacedPassage]:
    """Give the passages of one file; its faults are added to ``problems``."""
    text = decode(file, content, problems)
    if text is None:
        return []
    topic = ""
    sections: list[tuple[int, str, str, list[str]]] = []
    lines: list[str] | None = None
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith("# "):
            if topic or sections:
                problems.append(Problem(file, number, "a second '# Topic' line: begin another file"))
            topic = line[2:].strip()
        elif line.startswith("##") and not line.startswith("###"):
            match = _SECTION.fullmatch(line)
            if match is None or not match["title"] or not _ID.fullmatch(match["id"]):
                rule = "write '## Title {#passage-id}', the id in a-z, 0-9 and '-', at most 64"
                problems.append(Problem(file, number, f"not a passage's heading: {rule}"))
                lines = []
                continue
            lines = []
            sections.append((number, match["id"], match["title"], lines))
        elif lines is not None:
            lines.append(line)
        elif line.strip():
            problems.append(Problem(file, number, "text before the first '## Title {#passage-id}'"))
    if not topic:
        problems.append(Problem(file, 1, "'# Topic' is missing: begin the file with it"))
    if not sections:
        problems.append(Problem(file, 1, "no passages: write at least one '## Title {#passage-id}'"))
    placed = []
    for number, passage_id, title, body in sections:
        words = "\n".join(line.strip() for line in body).strip()
        if not words:
            problems.append(Problem(file, number, f"passage {passage_id!r} is empty"))
        elif len(words) > MAX_PASSAGE_CHARACTERS:
            problems.append(
                Problem(
                    file,
                    number,
                    f"passage {passage_id!r} has {len(words)} characters: split it"
                    f" into passages of at most {MAX_PASSAGE_CHARACTERS}",
                )
            )
        placed.append(PlacedPassage(Passage(passage_id, language, topic, title, words), file, number))
    return placed

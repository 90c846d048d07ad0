"""The part of a domain folder that is about pictures, and about what is asked with them."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from services.dialogue.domain.checks import normalized
from services.dialogue.domain.problems import Problem, nearest
from services.dialogue.domain.types import OTHER, EvaluationPair, Picture, ShowingQuestion
from services.dialogue.domain.yaml_source import Value

FOLDER = "pictures/"
PICTURES = "pictures.yaml"
SHOWING = "showing.yaml"

MAX_PICTURE_BYTES = 1024 * 1024

_ID = r"[a-z0-9][a-z0-9_-]{0,63}"
_ID_RULE = "begin with a-z or 0-9; then a-z, 0-9, _ and -; 64 at most"


@dataclass(frozen=True, slots=True)
class Known:
    """What entries about pictures may name."""

    languages: tuple[str, ...]
    passages: Collection[str]
    products: Collection[str] = ()
    kinds: Collection[str] = ()
    pictures: Mapping[str, Picture] = field(default_factory=dict)


def media_type(content: bytes) -> str | None:
    """Tell JPEG, PNG and WebP by their first bytes; None for all else."""
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return "image/webp"
    return None


def read_names(value: Value | None, languages: Collection[str]) -> dict[str, dict[str, str]]:
    """Give the names by id and language of ``products`` or ``kinds`` in ``domain.yaml``."""
    found = (value.entries() if value else None) or {}
    names: dict[str, dict[str, str]] = {}
    for name, entry in found.items():
        _id(entry, name)
        names[name] = _sentences(entry, languages)
    return names


def read_pictures(
    root: Value | None, files: Mapping[str, bytes], known: Known, problems: list[Problem]
) -> dict[str, Picture]:
    """Give the pictures of ``pictures.yaml`` by id, with what their files hold."""
    pictures: dict[str, Picture] = {}
    lines: dict[str, int] = {}
    used: set[str] = set()
    values = root.fields(("pictures",)) if root else {}
    for entry in values["pictures"].items() if "pictures" in values else []:
        keys = entry.fields(("id", "file", "kind", "passages", "seen", "caption"), ("product", "words"))
        picture_id = keys["id"].text() if "id" in keys else None
        file = keys["file"].text() if "file" in keys else None
        if picture_id is not None:
            _id(keys["id"], picture_id)
            if picture_id in lines:
                keys["id"].report(f"picture {picture_id!r} stands twice (first in line {lines[picture_id]})")
            lines.setdefault(picture_id, keys["id"].line)
        content, kind_of_file = b"", None
        if file is not None:
            used.add(file)
            content, kind_of_file = _content(keys["file"], file, files)
        passages = _choices(keys.get("passages"), known.passages)
        product = keys["product"].choice(known.products) if "product" in keys else None
        kind = keys["kind"].choice(known.kinds) if "kind" in keys else None
        seen = _sentences(keys["seen"], known.languages) if "seen" in keys else {}
        caption = _sentences(keys["caption"], known.languages) if "caption" in keys else {}
        words = [item.text() for item in keys["words"].items()] if "words" in keys else []
        if picture_id is not None:
            pictures[picture_id] = Picture(
                id=picture_id,
                file=file or "",
                media_type=kind_of_file or "",
                content=content,
                product=product,
                kind=kind or OTHER,
                passages=tuple(passages),
                seen=seen,
                caption=caption,
                words=tuple(word for word in words if word),
            )
    for name in sorted(files):
        if name.startswith(FOLDER) and name not in used:
            problems.append(Problem(name, 1, f"no picture in {PICTURES} names this file"))
    return pictures


def read_showing(root: Value | None, known: Known) -> list[tuple[ShowingQuestion, Value]]:
    """Give the questions of ``showing.yaml``, each with where it stands."""
    questions: list[tuple[ShowingQuestion, Value]] = []
    asked: dict[tuple[str, str, str], Value] = {}
    values = root.fields(("questions",)) if root else {}
    for entry in values["questions"].items() if "questions" in values else []:
        keys = entry.fields(("ask",), ("kinds", "answers"))
        if len({"kinds", "answers"} & keys.keys()) != 1:
            entry.report("say with which pictures it is asked: kinds: [KIND] or answers: {PICTURE: PASSAGE}")
            continue
        if "kinds" in keys:
            kinds = _choices(keys["kinds"], known.kinds)
            shown = sorted(known.pictures.values(), key=lambda picture: picture.id)
            answers = {p.id: p.passages[0] for p in shown if p.kind in kinds and p.passages}
        else:
            answers = _answers(keys["answers"], known)
        if not answers:
            entry.report("no picture answers it: name kinds that have pictures with passages, or answers")
        by_language = keys["ask"].by_language(known.languages) if "ask" in keys else {}
        for language, asks in by_language.items():
            texts = [(item, item.text()) for item in asks.items()]
            if not texts:
                asks.report(f"no question in {language!r}: write at least one")
            for item, text in texts:
                if text is None:
                    continue
                for picture in answers:
                    first = asked.setdefault((language, normalized(text), picture), item)
                    if first is not item:
                        item.report(f"asked before with picture {picture!r} (in line {first.line})")
                        break
                questions.append((ShowingQuestion(text, language, answers), item))
    return questions


def read_evaluation_pairs(value: Value | None, known: Known) -> list[tuple[EvaluationPair, Value]]:
    """Give the held-out pairs under ``showing`` of ``evaluation.yaml``, each with where it stands."""
    pairs: list[tuple[EvaluationPair, Value]] = []
    for entry in value.items() if value else []:
        keys = entry.fields(("language", "question", "shows"))
        language = keys["language"].choice(known.languages) if "language" in keys else None
        question = keys["question"].text() if "question" in keys else None
        shows = _answers(keys["shows"], known) if "shows" in keys else {}
        if "shows" in keys and (len(shows) != 2 or len(set(shows.values())) != 2):
            keys["shows"].report("name two pictures with two different passages, {PICTURE: PASSAGE, …}")
        if language and question:
            pairs.append((EvaluationPair(question, language, shows), keys["question"]))
    return pairs


def _content(value: Value, name: str, files: Mapping[str, bytes]) -> tuple[bytes, str | None]:
    if not name.startswith(FOLDER):
        value.report(f"{name!r} is not in {FOLDER}: put the file there")
        return b"", None
    if name not in files:
        there = [file for file in files if file.startswith(FOLDER)]
        value.report(f"there is no file {name!r}{nearest(name, there)}")
        return b"", None
    content = files[name]
    found = media_type(content)
    if found is None:
        value.report(f"{name!r} is not JPEG, PNG or WebP: save it as one of these")
    if len(content) > MAX_PICTURE_BYTES:
        value.report(f"{name!r} has {len(content)} bytes, at most {MAX_PICTURE_BYTES}: make it smaller")
    return content, found


def _id(value: Value, name: str) -> None:
    if name == OTHER or not re.fullmatch(_ID, name):
        value.report(f"the id {name!r} cannot be used: {_ID_RULE}; not {OTHER!r}")


def _sentences(value: Value, languages: Collection[str]) -> dict[str, str]:
    return {language: item.text() or "" for language, item in value.by_language(languages).items()}


def _choices(value: Value | None, known: Collection[str]) -> list[str]:
    found = [item.choice(known) for item in value.items()] if value else []
    return list(dict.fromkeys(name for name in found if name))


def _answers(value: Value, known: Known) -> dict[str, str]:
    answers: dict[str, str] = {}
    for picture, item in (value.entries() or {}).items():
        if picture not in known.pictures:
            item.report(f"there is no picture {picture!r}{nearest(picture, known.pictures)}")
            continue
        passage = item.choice(known.passages)
        if passage:
            answers[picture] = passage
    return answers

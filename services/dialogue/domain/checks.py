"""What must hold between the parts of a domain folder."""

import string
import unicodedata
from collections.abc import Collection, Mapping, Sequence

import numpy as np
from rapidfuzz import fuzz, process

from services.dialogue.domain.markdown import PlacedPassage
from services.dialogue.domain.problems import Problem, nearest
from services.dialogue.domain.types import OUT_OF_SCOPE
from services.dialogue.domain.yaml_source import Value

MIN_EXAMPLES = 20
"""Utterances of an intent in each language."""
MIN_OUT_OF_SCOPE = 40

NEAR_IDENTICAL = 92.0
"""Two utterances are near-identical from this normalized indel similarity on (0 to 100)."""

TEMPLATES: Mapping[str, frozenset[str]] = {
    "ask_back": frozenset({"options"}),
    "ask_for_question": frozenset(),
    "handoff_requested": frozenset(),
    "handoff_unknown": frozenset(),
    "handoff_policy": frozenset(),
    "already_handed_off": frozenset(),
}
"""Templates that dialogue needs, with the placeholders that each may use besides ``{company}``."""

PICTURE_TEMPLATES: Mapping[str, frozenset[str]] = {
    "seen_product": frozenset({"product"}),
    "picture_unclear": frozenset(),
}
"""Templates for turns with pictures, which a domain may leave out; dialogue then says nothing there."""

REQUIRED_PLACEHOLDERS: Mapping[str, frozenset[str]] = {
    "ask_back": frozenset({"options"}),
    "seen_product": frozenset({"product"}),
}


def passages(placed: Sequence[PlacedPassage], languages: Collection[str], problems: list[Problem]) -> None:
    """Report ids that stand twice and passages without a translation."""
    first: dict[tuple[str, str], PlacedPassage] = {}
    for item in placed:
        key = (item.passage.id, item.passage.language)
        if key in first:
            other = first[key]
            message = f"passage {item.passage.id!r} stands twice (first in {other.file}:{other.line})"
            problems.append(Problem(item.file, item.line, message))
        first.setdefault(key, item)
    for (passage_id, _), item in first.items():
        missing = [language for language in languages if (passage_id, language) not in first]
        if missing:
            message = f"translation missing: passage {passage_id!r} has no {', '.join(missing)}"
            problems.append(Problem(item.file, item.line, message))


def templates(found: Mapping[str, Mapping[str, Sequence[Value]]], problems: list[Problem]) -> None:
    """Report templates that are missing or empty, and placeholders that nothing fills."""
    for name in TEMPLATES:
        if name not in found:
            problems.append(Problem("templates.yaml", 1, f"template {name!r} is missing"))
    for name, by_language in found.items():
        known = {"company"} | TEMPLATES.get(name, PICTURE_TEMPLATES.get(name, frozenset()))
        for language, variants in by_language.items():
            if not variants:
                problems.append(
                    Problem("templates.yaml", 1, f"template {name!r} has no variant in {language!r}")
                )
            for variant in variants:
                _placeholders(name, variant, known)


def _placeholders(name: str, variant: Value, known: Collection[str]) -> None:
    text = variant.text() or ""
    try:
        parts = list(string.Formatter().parse(text))
    except ValueError as error:
        variant.report(f"template {name!r}: {error}; write {{{{ and }}}} for braces that are meant")
        return
    used = [field for _, field, _, _ in parts if field is not None]
    for field in used:
        if field not in known:
            listed = ", ".join(f"{{{key}}}" for key in sorted(known))
            meant = nearest(field, known)
            variant.report(f"template {name!r}: unknown placeholder {{{field}}}{meant}; known are {listed}")
    if any(spec or conversion for _, _, spec, conversion in parts):
        variant.report(f"template {name!r}: write placeholders without format, as {{company}}")
    for field in REQUIRED_PLACEHOLDERS.get(name, frozenset()) - set(used):
        variant.report(f"template {name!r}: placeholder {{{field}}} is missing")


def normalized(utterance: str) -> str:
    """Give an utterance without case, punctuation and blanks, to compare by."""
    folded = unicodedata.normalize("NFKC", utterance).casefold()
    return "".join(character for character in folded if character.isalnum())


def examples(
    found: Mapping[str, Mapping[str, Sequence[Value]]], languages: Collection[str], problems: list[Problem]
) -> None:
    """Report too few utterances, and utterances that are (nearly) the same as another one's."""
    for label, by_language in found.items():
        needed = MIN_OUT_OF_SCOPE if label == OUT_OF_SCOPE else MIN_EXAMPLES
        file = "out_of_scope.yaml" if label == OUT_OF_SCOPE else f"intents/{label}.yaml"
        for language, values in by_language.items():
            if len(values) < needed:
                line = values[0].line if values else 1
                message = f"too few examples in {language!r}: {len(values)}, write at least {needed}"
                problems.append(Problem(file, line, message))
    for language in languages:
        pairs = [(label, value) for label in found for value in found[label].get(language, ())]
        texts = [normalized(value.text() or "") for _, value in pairs]
        similar = process.cdist(texts, texts, scorer=fuzz.ratio, score_cutoff=NEAR_IDENTICAL, dtype=np.uint8)
        for first, second in zip(*np.nonzero(np.triu(similar, k=1)), strict=True):
            (_, one), (label, two) = pairs[first], pairs[second]
            kind = (
                "the same utterance as" if texts[first] == texts[second] else "nearly the same utterance as"
            )
            two.report(f"{kind} {one.file}:{one.line} (here of {label!r}): write a really different one")


def held_out(
    asked: Sequence[tuple[str, Value]],
    found: Mapping[str, Mapping[str, Sequence[Value]]],
    shown: Sequence[Value],
) -> None:
    """Report held-out questions that training sees, among the intents' examples or with pictures."""
    examples = [
        value for by_language in found.values() for values in by_language.values() for value in values
    ]
    trained = {normalized(value.text() or ""): value for value in (*examples, *shown)}
    for question, value in asked:
        other = trained.get(normalized(question))
        if other is not None:
            value.report(f"not held out: trained on in {other.file}:{other.line}")

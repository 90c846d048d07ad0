"""The words of answers that are not quoted: the domain's templates, filled. Pure."""

from collections.abc import Sequence

from services.dialogue.domain.types import Domain
from services.dialogue.quoting import sentences

_OR = {"en": (", ", " or "), "zh": ("、", "还是")}
_SPACE = {"en": " ", "zh": ""}


def template(
    domain: Domain, name: str, language: str, turn: int, options: Sequence[str] = (), product: str = ""
) -> list[str]:
    """Give the sentences of a template; its variants take turns."""
    variants = domain.templates[name][language]
    text = variants[turn % len(variants)].format(
        company=domain.company[language], options=listed(options, language), product=product
    )
    return sentences(text)


def listed(options: Sequence[str], language: str) -> str:
    """Name options in a sentence: “A”, “B” or “C”."""
    comma, last = _OR[language]
    quoted = [f"“{option}”" for option in options]
    return last.join(filter(None, (comma.join(quoted[:-1]), "".join(quoted[-1:]))))


def deltas(parts: Sequence[str], language: str) -> list[str]:
    """Give sentences as pieces that joined make the answer."""
    space = _SPACE[language]
    return [part + space for part in parts[:-1]] + list(parts[-1:])

"""What customers may say to a company, as its domain's folder has it: what its intents are learned from."""

import hashlib
from dataclasses import dataclass

from services.dialogue.domain.types import OUT_OF_SCOPE, Domain


@dataclass(frozen=True, slots=True)
class Utterance:
    """A text with its label: an intent, or ``OUT_OF_SCOPE``."""

    text: str
    label: str
    language: str

    @property
    def sha256(self) -> str:
        """Names the text without telling it, in hexadecimal digits."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def utterances_of(domain: Domain) -> list[Utterance]:
    """Give all utterances, by label and language; held-out questions are not among them."""
    by_label = {intent.id: intent.examples for intent in domain.intents} | {OUT_OF_SCOPE: domain.out_of_scope}
    return [
        Utterance(text, label, language)
        for label in domain.labels
        for language in domain.languages
        for text in by_label[label][language]
    ]

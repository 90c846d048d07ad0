"""What the store keeps. Pure."""

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.dialogue.passage_vectors import vector_key

MAX_PASSAGE_CHARACTERS = 4_000


@dataclass(frozen=True, slots=True)
class Document:
    """A document of the company's, as it was given."""

    document_id: str
    title: str
    text: str
    language: str
    uri: str


@dataclass(frozen=True, slots=True)
class PassageRecord:
    """One passage. ``domain_version`` is empty and ``revision`` from 1 for a document's."""

    passage_id: str
    language: str
    document_id: str
    position: int
    title: str
    text: str
    uri: str
    domain_version: str = ""
    revision: int = 0

    @property
    def text_sha256(self) -> bytes:
        """Identity of its vector: a hash of what is embedded, and how."""
        return vector_key(self.title, self.text)


@dataclass(frozen=True, slots=True)
class StoredPassage:
    """A passage with its vector, float32 and L2-normalized."""

    record: PassageRecord
    vector: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class DomainRelease:
    """A domain version to keep: its bundle and the space of its passages' vectors."""

    domain_version: str
    name: str
    bundle: bytes
    embedding_model: str
    published_at: float


@dataclass(frozen=True, slots=True)
class Upserted:
    """What became of a document."""

    document_id: str
    revision: int
    passage_count: int
    unchanged: bool


@dataclass(frozen=True, slots=True)
class DocumentRow:
    """One line of a listing; ``domain_version`` is empty for documents that were upserted."""

    document_id: str
    title: str
    language: str
    revision: int
    passage_count: int
    updated_at: float
    domain_version: str


def split_document(document: Document) -> list[PassageRecord]:
    """Split a document at blank lines; a single part keeps the document's id.

    Parts over ``MAX_PASSAGE_CHARACTERS`` are cut again, at a blank where there is one.
    """
    parts = [cut for part in re.split(r"\n\s*\n", document.text) for cut in _cut(part.strip())]
    return [
        PassageRecord(
            passage_id=document.document_id if len(parts) == 1 else f"{document.document_id}#{number}",
            language=document.language,
            document_id=document.document_id,
            position=number,
            title=document.title,
            text=part,
            uri=document.uri,
        )
        for number, part in enumerate(parts, start=1)
    ]


def _cut(text: str) -> list[str]:
    parts = []
    while len(text) > MAX_PASSAGE_CHARACTERS:
        blank = text.rfind(" ", MAX_PASSAGE_CHARACTERS // 2, MAX_PASSAGE_CHARACTERS)
        end = blank if blank > 0 else MAX_PASSAGE_CHARACTERS
        parts.append(text[:end].strip())
        text = text[end:].strip()
    return [*parts, text] if text else parts

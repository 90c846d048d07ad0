"""A domain's passages, searchable as serving has them."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from services.dialogue.domain.types import Domain
from services.dialogue.knowledge.index import IndexedPassage, KnowledgeIndex
from services.dialogue.knowledge.words import WordSplitter
from services.dialogue.passage_vectors import passage_text, passage_vectors
from services.dialogue.ports import Purpose
from services.dialogue.retrieval import SearchPassage

Embed = Callable[[Sequence[str], Purpose], NDArray[np.float32]]
"""Texts → L2-normalized vectors ``[n, width]``."""


def index_passages(domain: Domain, embed: Embed, embedding_model: str, words: WordSplitter) -> KnowledgeIndex:
    """Build the index that publishing the domain gives."""
    return index_of(search_passages(domain), embed, embedding_model, words)


def search_passages(domain: Domain) -> list[SearchPassage]:
    """Give the domain's passages in their order, as they are searched."""
    return [SearchPassage(p.id, p.language, p.title, p.text, "", domain.version) for p in domain.passages]


def index_of(
    passages: Sequence[SearchPassage], embed: Embed, embedding_model: str, words: WordSplitter
) -> KnowledgeIndex:
    """Build the index of any passages, at least one."""
    texts = [passage_text(passage.title, passage.text) for passage in passages]
    titles = [passage.title for passage in passages]
    vectors = passage_vectors(embed(texts, Purpose.PASSAGE), embed(titles, Purpose.QUERY))
    entries = [
        IndexedPassage(passage, vector, words.split(text, passage.language), b"")
        for passage, text, vector in zip(passages, texts, vectors, strict=True)
    ]
    return KnowledgeIndex.build(embedding_model, entries)

"""The exported models of a domain of photographs, asked as serving asks them. No torch, no servers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from services.dialogue.domain.types import Domain
from services.dialogue.fused import (
    PictureFeatures,
    TextFeatures,
    fusion_row,
    passage_probabilities,
    pictured_passages,
)
from services.dialogue.fusion_client import read_entry
from services.dialogue.knowledge.words import WordSplitter
from services.dialogue.model import fusion_spec
from services.dialogue.ports import Fused
from training.data.grocerystore.folder import LANGUAGE
from training.export.models import trained
from training.fusion.exported import ExportedFusion
from training.text.feature_cache import CachedTextFeatures
from training.text.passages import index_passages
from training.text.vector_cache import CachedTextEncoder


@dataclass(frozen=True, slots=True)
class Photograph:
    """A validation photograph with the words read in it; product None: it is noise.

    The ids of products and of their pictures are the same.
    """

    product: str | None
    features: PictureFeatures
    words: str = ""

    def unread(self) -> "Photograph":
        """Give the same without its words."""
        return replace(self, features=replace(self.features, words=None), words="")


class Models:
    """A domain's exported models and its passages, as serving has them."""

    def __init__(self, domain: Domain, folder: Path, repository: Path) -> None:
        manifest = trained.read_manifest(folder / "fusion")
        trained.check_labels(folder / "fusion", manifest["labels"], domain)
        self.trained_on: str = manifest["trained_on"]
        self.command: str = manifest["command"]
        self.profile = read_entry(fusion_spec(domain.name).name, manifest)
        self.fusion = ExportedFusion(folder / "fusion")
        self._heads = onnxruntime.InferenceSession(
            str(folder / "picture" / "model.onnx"), providers=["CPUExecutionProvider"]
        )
        self.features = CachedTextFeatures.beside(repository)
        self._split = WordSplitter().split
        vectors = CachedTextEncoder.beside(repository)
        index = index_passages(domain, vectors, vectors.embedding_model, WordSplitter())
        self._width = index.width
        self._passages = index.by_language[LANGUAGE]
        self.passages = [passage.id for passage in self._passages.passages]
        about = {picture.id: picture.passages for picture in domain.pictures}
        self._pointed_at = [about.get(label, ()) for label in domain.picture_labels]
        own = [entry.vector for entry in index.entries if entry.passage.language == LANGUAGE]
        self.joints = self.fusion.passages(np.stack(own))

    def heads(self, photographs: Sequence[Photograph]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Give the picture heads' probabilities of products and kinds."""
        pooled = np.stack([p.features.pooled for p in photographs if p.features.pooled is not None])
        products, kinds = self._heads.run(["products", "kinds"], {"pooled": pooled})
        return products, kinds

    def best(self, questions: Sequence[str], shown: Sequence[Photograph | None]) -> list[str]:
        """Give the best passage of each turn; an empty question is none."""
        told = sorted({question for question in questions if question})
        embedded = dict(zip(told, self.features(told), strict=True)) if told else {}
        texts: list[TextFeatures | None] = [embedded.get(question) for question in questions]
        rows = [
            fusion_row(text, [photograph.features] if photograph else [], None)
            for text, photograph in zip(texts, shown, strict=True)
        ]
        joint = self.fusion.fuse(rows).joint
        pointed = self._pointed(shown)
        found = []
        for row, (question, text, photograph) in enumerate(zip(questions, texts, shown, strict=True)):
            vector = np.zeros(self._width, np.float32) if text is None else text.sentence
            read = self._split(photograph.words, LANGUAGE) if photograph else ()
            scores = self._passages.score(vector, (*self._split(question, LANGUAGE), *read))
            probabilities = passage_probabilities(
                self.profile.ranking if text else self.profile.ranking_without_text,
                self.joints @ joint[row],
                scores.cosine if text else None,
                scores.bm25,
                None if photograph is None else pointed[id(photograph)],
            )
            found.append(self.passages[int(probabilities.argmax())])
        return found

    def _pointed(self, shown: Sequence[Photograph | None]) -> dict[int, NDArray[np.float64]]:
        """Give what each photograph alone says of all passages, by its ``id()``."""
        different = list({id(each): each for each in shown if each is not None}.values())
        if not different:
            return {}
        pictures = alone(self, different).pictures
        return {
            id(each): pictured_passages(pictures[row : row + 1], self._pointed_at, self._passages.positions)
            for row, each in enumerate(different)
        }


def alone(models: Models, shown: Sequence[Photograph]) -> Fused:
    """Fuse photographs without a word said."""
    return models.fusion.fuse([fusion_row(None, [photograph.features], None) for photograph in shown])

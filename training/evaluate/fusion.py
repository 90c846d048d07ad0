"""``python -m training.evaluate.fusion``: how a domain's held-out questions with pictures are answered.

Runs the exported models, without servers and without torch, on what no training and
no calibration saw: the pairs of ``evaluation.yaml`` with held-out variants of their
pictures, and its questions without pictures. The same is asked again with pictures
zeroed, shuffled and without their words, to find out what the answers rest on.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import onnxruntime
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from services.dialogue.domain.loader import load_domain
from services.dialogue.domain.types import Domain, Picture
from services.dialogue.fused import (
    PictureFeatures,
    RankingWeights,
    Rows,
    TextFeatures,
    fusion_row,
    passage_probabilities,
    pictured_passages,
)
from services.dialogue.fusion_client import read_entry
from services.dialogue.knowledge.words import WordSplitter
from services.dialogue.model import fusion_spec, intent_spec
from services.dialogue.ports import FusionProfile
from training.export.models import trained
from training.export.versions import served_folder
from training.fusion.exported import ExportedFusion
from training.fusion.sources import photograph_features, photographs_of, variant_features
from training.text.feature_cache import CachedTextFeatures
from training.text.passages import index_passages
from training.text.vector_cache import CachedTextEncoder
from training.vision import negatives
from training.vision.features import CachedPictureFeatures

_LOOKS: Final = 2
"""Held-out variants of each picture, where there are no held-out photographs."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A held-out question with one picture of its pair; ``pair`` numbers the pairs."""

    pair: int
    question: str
    language: str
    picture: str
    passage: str
    look: int


@dataclass(frozen=True, slots=True)
class Found:
    """What became of a turn: the best passage, its probability, and whether it is enough to answer."""

    passage: str
    probability: float
    answered: bool
    asked_back: bool


class Held:
    """A domain's models on held-out turns."""

    def __init__(self, domain: Domain, folder: Path, models: Path, repository: Path) -> None:
        self.domain = domain
        self._folder = folder
        self._model = ExportedFusion(models / "fusion")
        manifest = trained.read_manifest(models / "fusion")
        trained.check_labels(models / "fusion", manifest["labels"], domain)
        self.profile: FusionProfile = read_entry(fusion_spec(domain.name).name, manifest)
        self.features = CachedTextFeatures.beside(repository)
        self._pictures = CachedPictureFeatures.beside(repository)
        self._split = WordSplitter().split
        vectors = CachedTextEncoder.beside(repository)
        self._index = index_passages(domain, vectors, vectors.embedding_model, WordSplitter())
        self._joints = {
            language: self._model.passages(
                np.stack([e.vector for e in self._index.entries if e.passage.language == language])
            )
            for language in self._index.by_language
        }
        self._by_id = {picture.id: picture for picture in domain.pictures}
        self._pointed_at = [
            self._by_id[label].passages if label in self._by_id else () for label in domain.picture_labels
        ]

    def picture(self, picture_id: str) -> Picture:
        """Give a picture of the domain."""
        return self._by_id[picture_id]

    def look(self, picture_id: str, look: int, words: bool) -> tuple[PictureFeatures, str]:
        """Give a held-out look at a picture, and the words in it where ``words`` are wanted.

        A held-out photograph where there are any, else a held-out variant.
        """
        picture = self._by_id[picture_id]
        photographs = photographs_of(self._folder / "evaluation" / "photos", picture_id)
        if photographs:
            seen = photograph_features(self._pictures, photographs[look % len(photographs)], 0)
        else:
            seen = variant_features(self._pictures, picture, look, held_out=True)
        text = "\n".join(picture.words) if words else ""
        read = self.features([text])[0] if text else None
        return (
            PictureFeatures(seen.pooled.astype(np.float32), seen.regions.astype(np.float32), read),
            text,
        )

    def answer(
        self,
        questions: Sequence[str],
        languages: Sequence[str],
        looks: Sequence[tuple[PictureFeatures, str] | None],
        sounds: Sequence[Rows | None] | None = None,
    ) -> list[Found]:
        """Answer turns; an empty question is none. ``sounds`` are their frames, float32[n, 64], if any."""
        asked = iter(self.features([question for question in questions if question]))
        texts: list[TextFeatures | None] = [next(asked) if question else None for question in questions]
        rows = [
            fusion_row(text, [] if look is None else [look[0]], frames)
            for text, look, frames in zip(texts, looks, sounds or [None] * len(looks), strict=True)
        ]
        joint = self._model.fuse(rows).joint
        seen = self._model.fuse([fusion_row(None, [] if look is None else [look[0]], None) for look in looks])
        found = []
        for row, (question, text, language, look) in enumerate(
            zip(questions, texts, languages, looks, strict=True)
        ):
            words = (*self._split(question, language), *self._split(look[1] if look else "", language))
            vector = np.zeros(self._index.width, np.float32) if text is None else text.sentence
            scores = self._index.by_language[language].score(vector, words)
            weights: RankingWeights = self.profile.ranking if text else self.profile.ranking_without_text
            probabilities = passage_probabilities(
                weights,
                self._joints[language] @ joint[row],
                None if text is None else scores.cosine,
                scores.bm25,
                pictured_passages(seen.pictures[row : row + 1], self._pointed_at, scores.positions),
            )
            best = int(probabilities.argmax())
            sure = float(probabilities[best])
            answered = sure >= self.profile.thresholds.answer_at
            found.append(
                Found(
                    scores.passages[best].id,
                    sure,
                    answered,
                    not answered and sure >= self.profile.thresholds.ask_at,
                )
            )
        return found

    def fuse(self, looks: Sequence[PictureFeatures]) -> NDArray[np.float32]:
        """Give the probabilities of pictures, ``[n, pictures]``, for looks without a question."""
        return self._model.fuse([fusion_row(None, [look], None) for look in looks]).pictures

    def pictures_found(self, looks: Sequence[PictureFeatures], owners: Sequence[str]) -> float:
        """Give the share of passages whose nearest look is of a picture that they answer."""
        joint = self._model.fuse([fusion_row(None, [look], None) for look in looks]).joint
        right = []
        for language, passages in self._joints.items():
            ids = [passage.id for passage in self._index.by_language[language].passages]
            for place, passage in enumerate(ids):
                if any(passage in self._by_id[owner].passages for owner in owners):
                    nearest = owners[int((joint @ passages[place]).argmax())]
                    right.append(passage in self._by_id[nearest].passages)
        return float(np.mean(right))

    def intents(self, questions: Sequence[str]) -> list[str]:
        """Give the fusion model's best intent of questions without pictures."""
        rows = [fusion_row(text, [], None) for text in self.features(questions)]
        return [
            self.profile.labels.intents[int(best)] for best in self._model.fuse(rows).intents.argmax(axis=1)
        ]


def turns(domain: Domain) -> list[Turn]:
    """Give every turn of the held-out pairs, with each look."""
    return [
        Turn(number, pair.question, pair.language, picture, passage, look)
        for number, pair in enumerate(domain.evaluation_pairs)
        for picture, passage in pair.shows.items()
        for look in range(_LOOKS)
    ]


def figures(held: Held, outside: Sequence[Path]) -> dict[str, Any]:
    """Ask everything; shares from 0 to 1."""
    asked = turns(held.domain)
    wordless = [turn for turn in asked if not held.picture(turn.picture).words]
    if not asked:
        raise ValueError("evaluation.yaml has no pairs under `showing`: write some first")
    found: dict[str, Any] = {"pairs": len(held.domain.evaluation_pairs), "turns": len(asked)}

    def looks(some: Iterable[Turn], words: bool) -> list[tuple[PictureFeatures, str] | None]:
        return [held.look(turn.picture, turn.look, words) for turn in some]

    def zeroed(look: tuple[PictureFeatures, str] | None) -> tuple[PictureFeatures, str] | None:
        if look is None or look[0].pooled is None or look[0].regions is None:
            return look
        nothing = replace(
            look[0], pooled=np.zeros_like(look[0].pooled), regions=np.zeros_like(look[0].regions)
        )
        return nothing, look[1]

    shown = looks(asked, words=True)
    unread = looks(asked, words=False)
    order = np.random.default_rng(0).permutation(len(asked))
    found["shown"] = _shares(held, asked, shown)
    found["without_ocr"] = _shares(held, asked, unread)
    found["without_ocr_of_pictures_without_words"] = _shares(held, wordless, looks(wordless, words=False))
    found["picture_zeroed"] = _shares(held, asked, [zeroed(look) for look in shown])
    found["picture_zeroed_without_ocr"] = _shares(held, asked, [zeroed(look) for look in unread])
    found["pictures_shuffled_without_ocr"] = _shares(held, asked, [unread[int(place)] for place in order])
    found["no_picture"] = _shares(held, asked, [None] * len(asked))
    silent = [replace(turn, question="") for turn in asked]
    found["no_question"] = _shares(held, silent, shown)

    # Pictures alone: each is known, and what is none of them is not taken for one.
    every = [(picture.id, look) for picture in held.domain.pictures for look in range(_LOOKS)]
    alone = [held.look(picture, look, words=False)[0] for picture, look in every]
    seen_at = held.profile.thresholds.seen_at
    found["seen"] = _seen(held.fuse(alone), held.profile.labels.pictures, [p for p, _ in every], seen_at)
    found["passage_finds_picture"] = round(held.pictures_found(alone, [picture for picture, _ in every]), 4)
    by_kind: dict[str, list[Found]] = {}
    for (picture, _), answer in zip(
        every,
        held.answer([""] * len(every), ["en"] * len(every), [(look, "") for look in alone]),
        strict=True,
    ):
        by_kind.setdefault(held.picture(picture).kind, []).append(answer)
    found["alone"] = {
        kind: {
            "answered": _mean(answer.answered for answer in answers),
            "asked_back": _mean(answer.asked_back for answer in answers),
        }
        for kind, answers in sorted(by_kind.items())
    }
    strange = [photograph_features(held._pictures, path, 0) for path in negatives.photographs(outside, 100)]
    if strange:
        unknown = held.fuse(
            [PictureFeatures(s.pooled.astype(np.float32), s.regions.astype(np.float32)) for s in strange]
        )
        best = unknown[:, :-1].max(axis=1)
        taken = (unknown.argmax(axis=1) < unknown.shape[1] - 1) & (best >= seen_at)
        found["strangers"] = {"photographs": len(strange), "taken_for_known": round(float(taken.mean()), 4)}
    return found


def intent_figures(held: Held, repository: Path) -> dict[str, Any]:
    """Compare intents of questions without pictures with those of the model for words alone."""
    domain = held.domain
    owner = {passage: intent.id for intent in domain.intents for passage in intent.passages}
    asked = [q for q in domain.evaluation if q.passage or q.intent]
    right = [q.intent or owner.get(q.passage or "") for q in asked]
    texts = [q.question for q in asked]
    session = onnxruntime.InferenceSession(
        str(served_folder(repository, intent_spec(domain.name).name) / "model.onnx"),
        providers=["CPUExecutionProvider"],
    )
    sentences = np.stack([features.sentence for features in held.features(texts)])
    (probabilities,) = session.run(["probabilities"], {"sentence": sentences})
    words = [domain.labels[int(best)] for best in probabilities.argmax(axis=1)]
    fused = held.intents(texts)
    return {
        "questions": len(asked),
        "fusion": _mean(one == other for one, other in zip(fused, right, strict=True)),
        "words_alone": _mean(one == other for one, other in zip(words, right, strict=True)),
    }


def _shares(
    held: Held, asked: Sequence[Turn], looks: Sequence[tuple[PictureFeatures, str] | None]
) -> dict[str, float]:
    answers = held.answer([turn.question for turn in asked], [turn.language for turn in asked], looks)
    right = [answer.passage == turn.passage for answer, turn in zip(answers, asked, strict=True)]
    pairs: dict[tuple[int, int], list[bool]] = {}
    for turn, good in zip(asked, right, strict=True):
        pairs.setdefault((turn.pair, turn.look), []).append(good)
    answered = [good for answer, good in zip(answers, right, strict=True) if answer.answered]
    return {
        "turns_right": _mean(right),
        "pairs_right": _mean(all(goods) for goods in pairs.values()),
        "answered": _mean(answer.answered for answer in answers),
        "answers_right": _mean(answered),
        "asked_back": _mean(answer.asked_back for answer in answers),
    }


def _seen(
    probabilities: NDArray[np.float32], labels: Sequence[str], right: Sequence[str], seen_at: float
) -> dict[str, float]:
    best = probabilities.argmax(axis=1)
    good = [labels[int(place)] == picture for place, picture in zip(best, right, strict=True)]
    sure = probabilities.max(axis=1) >= seen_at
    named = [g for g, place, s in zip(good, best, sure, strict=True) if s and place < len(labels) - 1]
    return {"right": _mean(good), "named": round(len(named) / len(good), 4), "named_right": _mean(named)}


def _mean(values: Iterable[bool]) -> float:
    listed = list(values)
    return round(float(np.mean(listed)), 4) if listed else 0.0


def main(
    domain: Annotated[Path, typer.Option(help="The domain's folder.")] = Path("domains/shop"),
    models: Annotated[Path | None, typer.Option(help="Trained models; default DOMAIN/models.")] = None,
    repository: Annotated[Path, typer.Option(help="Exported encoders.")] = Path("build/model_repository"),
    outside: Annotated[
        list[Path] | None, typer.Option(help="Folders of photographs of other things; may be repeated.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Where the figures go.")] = Path(
        "build/bench/fusion_quality.json"
    ),
) -> None:
    """Evaluate a domain's held-out questions with pictures."""
    loaded = load_domain(domain)
    held = Held(loaded, domain, models or domain / trained.MODELS, repository)
    found = {
        "domain_version": loaded.version,
        **figures(held, [folder for folder in outside or () if folder.is_dir()]),
        "intents_of_words_alone": intent_figures(held, repository),
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(found, indent=2), encoding="utf-8")
    table = Table("", "", title=f"{loaded.version}, held-out questions with pictures")
    for name, value in found.items():
        told = (
            "  ".join(f"{key} {figure}" for key, figure in value.items())
            if isinstance(value, Mapping)
            else str(value)
        )
        table.add_row(name, told)
    Console(width=160).print(table)


if __name__ == "__main__":
    typer.run(main)

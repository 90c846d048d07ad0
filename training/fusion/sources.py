"""Everything that a domain and the data sets give to train a fusion model on, as the encoders see it."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from io import BytesIO
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from services.dialogue.domain.types import OUT_OF_SCOPE, Domain, Picture, ShowingQuestion
from services.dialogue.fused import TextFeatures
from services.dialogue.passage_vectors import passage_text, passage_vectors
from services.dialogue.ports import Purpose
from training.data import variants
from training.fusion.arguments import FusionArguments
from training.fusion.readings import reading
from training.text.feature_cache import CachedTextFeatures
from training.text.passages import Embed
from training.vision import negatives, photographs
from training.vision.features import Appearance, CachedPictureFeatures

CHECKS_FROM: Final = 10_000
"""Seeds from here on make what is kept back."""
CHECKS: Final = 4
"""Variants and readings of each drawn picture that are kept back, and the share 1 / n of photographs."""
_DRAWN_BESIDE_PHOTOGRAPHS: Final = 8
_TAKEN_AGAIN: Final = 3
"""Times that each photograph is varied, beside being as it is."""
_APART: Final = 1_000
"""Between the seeds of two times: more than there are photographs of a picture."""
_NEGATIVES_KEPT_BACK: Final = 5


@dataclass(frozen=True, slots=True)
class Utterance:
    """A question whose words are enough. ``intent`` is a place in ``Domain.labels``."""

    text: TextFeatures
    language: str
    intent: int
    passages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Showing:
    """A question asked with a picture. ``answers``: passage by the picture's place in ``Split.pictures``."""

    question: str
    text: TextFeatures
    language: str
    answers: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture as it was seen in several variants, and its words as they were read, both any number.

    ``own_words`` are those of photographs, by place in ``variants``: they stand in that one alone.
    """

    picture: Picture
    variants: tuple[Appearance, ...]
    readings: tuple[tuple[str, TextFeatures], ...]
    own_words: Mapping[int, tuple[str, TextFeatures]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sound:
    """What was said, and its acoustic frames, float32 ``[n, 64]``."""

    text: TextFeatures
    frames: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Split:
    """What is trained on, or what is kept back to weigh evidence and choose thresholds."""

    showing: tuple[Showing, ...]
    pictures: tuple[Shown, ...]
    """In the order of ``Domain.picture_labels``."""
    negatives: tuple[Appearance, ...]


@dataclass(frozen=True)
class Sources:
    """See the module. ``passage_vectors`` float32 ``[p, 384]``, as stored, in the domain's order."""

    domain: Domain
    utterances: tuple[Utterance, ...]
    passage_vectors: NDArray[np.float32]
    training: Split
    checks: Split
    sounds: tuple[Sound, ...]
    text_model: str
    image_model: str

    @cached_property
    def passage_places(self) -> dict[tuple[str, str], int]:
        """Where a passage stands, by language and id."""
        return {(p.language, p.id): place for place, p in enumerate(self.domain.passages)}

    def shares(self, language: str, passages: Sequence[str]) -> dict[int, float]:
        """Give the share of each passage, by its place, among ``passages``, which may stand there twice."""
        places = self.passage_places
        counted = Counter(places[language, passage] for passage in passages)
        return {place: count / len(passages) for place, count in counted.items()}

    def open_answers(self, picture: int, language: str) -> dict[int, float]:
        """Give the shares in which passages fit a picture that is shown without a word.

        They are those of the answers to what is asked with it; without questions its
        passages fit alike.
        """
        asked = [s for s in self.training.showing if s.language == language and picture in s.answers]
        own = self.training.pictures[picture].picture.passages
        return self.shares(language, [showing.answers[picture] for showing in asked] or own)


@dataclass(frozen=True, slots=True)
class Encoders:
    """What turns texts and pictures into vectors."""

    features: CachedTextFeatures
    vectors: Embed
    pictures: CachedPictureFeatures
    words: Callable[[Path], str] | None = None
    """Reads a photograph; None: photographs come without the words in them."""


def gather(
    domain: Domain,
    folder: Path,
    encoders: Encoders,
    others: Sequence[Path],
    sounds: Sequence[Sound],
    arguments: FusionArguments,
) -> Sources:
    """Embed everything.

    ``folder`` is the domain's own, for its ``photos``; ``others`` are folders of
    photographs that show nothing of the domain.
    """
    titles = [passage.title for passage in domain.passages]
    texts = [passage_text(passage.title, passage.text) for passage in domain.passages]
    vectors = passage_vectors(
        encoders.vectors(texts, Purpose.PASSAGE), encoders.vectors(titles, Purpose.QUERY)
    )
    shown = list(_shown(domain, folder, encoders, arguments))
    known, kept_back = _negatives(encoders.pictures, others, arguments)
    asked, asked_back = _showing(domain, encoders.features, arguments)
    return Sources(
        domain=domain,
        utterances=tuple(_utterances(domain, encoders.features)),
        passage_vectors=vectors,
        training=Split(asked, tuple(first for first, _ in shown), known),
        checks=Split(asked_back, tuple(second for _, second in shown), kept_back),
        sounds=tuple(sounds),
        text_model=encoders.features.embedding_model,
        image_model=encoders.pictures.embedding_model,
    )


def _utterances(domain: Domain, features: CachedTextFeatures) -> list[Utterance]:
    examples = {intent.id: intent.examples for intent in domain.intents} | {OUT_OF_SCOPE: domain.out_of_scope}
    passages = {intent.id: intent.passages for intent in domain.intents}
    told = [
        (text, language, place)
        for place, label in enumerate(domain.labels)
        for language in domain.languages
        for text in examples[label][language]
    ]
    embedded = features([text for text, *_ in told])
    return [
        Utterance(text, language, place, passages.get(domain.labels[place], ()))
        for text, (_, language, place) in zip(embedded, told, strict=True)
    ]


def _showing(
    domain: Domain, features: CachedTextFeatures, arguments: FusionArguments
) -> tuple[tuple[Showing, ...], tuple[Showing, ...]]:
    """Keep back a share of each group of questions: of those with the same answers in one language."""
    places = {label: place for place, label in enumerate(domain.picture_labels)}
    groups: dict[tuple[str, tuple[tuple[str, str], ...]], list[ShowingQuestion]] = {}
    for question in domain.showing:
        groups.setdefault((question.language, tuple(sorted(question.answers.items()))), []).append(question)
    rng = np.random.default_rng([50, arguments.seed])
    trained: list[ShowingQuestion] = []
    kept_back: list[ShowingQuestion] = []
    for _, group in sorted(groups.items(), key=lambda item: item[0]):
        order = [group[int(place)] for place in rng.permutation(len(group))]
        # A group of a few questions gives one up now and then, so that the share holds over all.
        count = int(len(group) * arguments.held_out + rng.random()) if len(group) > 1 else 0
        kept_back += order[:count]
        trained += order[count:]

    def embedded(questions: Sequence[ShowingQuestion]) -> tuple[Showing, ...]:
        texts = features([question.text for question in questions])
        return tuple(
            Showing(
                q.text, text, q.language, {places[picture]: passage for picture, passage in q.answers.items()}
            )
            for q, text in zip(questions, texts, strict=True)
        )

    return embedded(trained), embedded(kept_back)


def _shown(
    domain: Domain, folder: Path, encoders: Encoders, arguments: FusionArguments
) -> Iterator[tuple[Shown, Shown]]:
    """Give each picture as trained on and as kept back."""
    source = Path(variants.__file__).read_bytes()
    if encoders.words:
        # All at once: what is embedded is kept in one file, written each time.
        every = [path for p in domain.pictures for path in photographs_of(folder / "photos", p.id)]
        encoders.features([text for text in map(encoders.words, every) if text])
    for picture in sorted(domain.pictures, key=lambda picture: picture.id):
        taken = photographs_of(folder / "photos", picture.id)
        drawn = min(arguments.variants, _DRAWN_BESIDE_PHOTOGRAPHS) if taken else arguments.variants
        seeds = [*range(drawn), *range(CHECKS_FROM, CHECKS_FROM + CHECKS)]
        seen = [variant_features(encoders.pictures, picture, seed, False, source) for seed in seeds]
        trained, kept_back = seen[:drawn], seen[drawn:]
        read_in: dict[int, str] = {}
        read_in_checks: dict[int, str] = {}
        for at, path in enumerate(taken):
            words = encoders.words(path) if encoders.words else ""
            if at % CHECKS == CHECKS - 1:
                read_in_checks[len(kept_back)] = words
                kept_back.append(photograph_features(encoders.pictures, path, 0))
                continue
            # Each is taken again in its own way: one crop for all would teach little.
            for seed in (0, *(1 + at + again * _APART for again in range(_TAKEN_AGAIN))):
                read_in[len(trained)] = words
                trained.append(photograph_features(encoders.pictures, path, seed))
        read = _readings(picture, encoders.features, [*range(arguments.readings)])
        read_back = _readings(picture, encoders.features, [*range(CHECKS_FROM, CHECKS_FROM + CHECKS)])
        yield (
            Shown(picture, tuple(trained), read, _own_words(read_in, encoders.features)),
            Shown(picture, tuple(kept_back), read_back, _own_words(read_in_checks, encoders.features)),
        )


def variant_features(
    encoder: CachedPictureFeatures, picture: Picture, seed: int, held_out: bool, source: bytes = b""
) -> Appearance:
    """Embed a variant of a drawn picture; ``source`` is the code that varies it."""
    code = source or Path(variants.__file__).read_bytes()
    identity = b"\0".join((picture.content, code, str((seed, held_out)).encode()))

    def make() -> Image.Image:
        with Image.open(BytesIO(picture.content)) as image:
            varied: Image.Image = variants.variant(image.convert("RGB"), seed, held_out)
            return varied

    return encoder(identity, make)


def photographs_of(folder: Path, picture: str) -> list[Path]:
    """Give the photographs of a picture in ``folder``, in order; none where there is no such folder."""
    found = (folder / picture).glob("*")
    return sorted(path for path in found if path.suffix.lower() in negatives.SUFFIXES)


def photograph_features(encoder: CachedPictureFeatures, path: Path, seed: int) -> Appearance:
    """Embed a photograph, varied by ``seed`` (0: as it is)."""
    identity = b"\0".join((path.read_bytes(), Path(photographs.__file__).read_bytes(), str(seed).encode()))
    return encoder(identity, lambda: photographs.again(photographs.opened(path), seed))


def _own_words(read: Mapping[int, str], features: CachedTextFeatures) -> dict[int, tuple[str, TextFeatures]]:
    told = {place: text for place, text in read.items() if text}
    embedded = features(list(told.values())) if told else []
    return {place: (text, found) for (place, text), found in zip(told.items(), embedded, strict=True)}


def _readings(
    picture: Picture, features: CachedTextFeatures, seeds: Sequence[int]
) -> tuple[tuple[str, TextFeatures], ...]:
    if not picture.words:
        return ()
    texts = list(dict.fromkeys(reading(picture.words, seed) for seed in seeds))
    return tuple(zip(texts, features(texts), strict=True))


def _negatives(
    encoder: CachedPictureFeatures, others: Sequence[Path], arguments: FusionArguments
) -> tuple[tuple[Appearance, ...], tuple[Appearance, ...]]:
    source = Path(negatives.__file__).read_bytes()
    # Half are drawn; without folders of photographs all are.
    taken = negatives.photographs(others, arguments.negatives // (2 * max(len(others), 1)))
    found = [
        encoder(source + str(seed).encode(), partial(negatives.drawn, seed))
        for seed in range(arguments.negatives - len(taken))
    ]
    found += [photograph_features(encoder, path, 0) for path in taken]
    # Every fifth: drawn ones come in four kinds, one after the other.
    kept_back = tuple(found[::_NEGATIVES_KEPT_BACK])
    return tuple(each for at, each in enumerate(found) if at % _NEGATIVES_KEPT_BACK), kept_back

"""Turns to train on, made of what a domain gives: any of words, pictures, read words and sound.

Sources give features; here a seeded generator puts them together anew at every step.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from services.dialogue.fused import (
    FRAME_ROWS,
    FusionRow,
    PictureFeatures,
    TextFeatures,
    fusion_inputs,
    fusion_row,
    passage_row,
)
from services.dialogue.model import FRAME_WIDTH
from training.fusion.arguments import FusionArguments
from training.fusion.sources import Showing, Shown, Sources
from training.vision.features import Appearance

_Choice = TypeVar("_Choice")

_ASKED: Final = 0.65
"""Of the turns with words and a picture: a question of ``showing.yaml`` with a picture that answers it."""
_ENOUGH: Final = 0.2
"""An utterance whose words are enough, with any picture. The rest shows nothing known, or nothing at all."""
_SOUND_LENGTHS: Final = (10, 40)
_NOTHING_SHOWN: Final = 0.2
"""Share of the turns without words that show nothing known."""


@dataclass(frozen=True, slots=True)
class Told:
    """What is known of a turn; what is not told teaches nothing.

    ``passages`` are places of which one is right; ``spread`` are the shares with which
    several fit. Labels are places, -1 where not told.
    """

    language: str
    intents: tuple[int, ...] = ()
    passages: tuple[int, ...] = ()
    spread: Mapping[int, float] = field(default_factory=dict)
    product: int = -1
    kind: int = -1
    picture: int = -1


@dataclass(frozen=True, slots=True)
class Batch:
    """Turns as the network takes them, and what is known of each; see ``Told``.

    ``intents`` bool ``[n, intents]``; ``passages`` and ``allowed`` (those of the turn's
    language) bool ``[n, p]``; ``spread`` float32 ``[n, p]``; labels int64 ``[n]``.
    """

    inputs: Mapping[str, NDArray[np.float32]]
    intents: NDArray[np.bool_]
    passages: NDArray[np.bool_]
    allowed: NDArray[np.bool_]
    spread: NDArray[np.float32]
    products: NDArray[np.int64]
    kinds: NDArray[np.int64]
    pictures: NDArray[np.int64]


class Examples:
    """Puts turns together. Each kind of batch is asked for once a step."""

    def __init__(self, sources: Sources, arguments: FusionArguments) -> None:
        self._sources = sources
        self._arguments = arguments
        self._rng = np.random.default_rng([60, arguments.seed])
        self._places = sources.passage_places
        domain = sources.domain
        self._products = {label: place for place, label in enumerate(domain.product_labels)}
        self._kinds = {label: place for place, label in enumerate(domain.kind_labels)}
        self._intents_of: dict[str, list[int]] = {}
        for intent in domain.intents:
            for passage in intent.passages:
                self._intents_of.setdefault(passage, []).append(domain.labels.index(intent.id))
        languages = np.array([passage.language for passage in domain.passages])
        self._of_language = {language: languages == language for language in domain.languages}
        self._order: list[int] = []
        self._asked_with: dict[tuple[int, str], list[Showing]] = {}
        for showing in sources.training.showing:
            for answer in showing.answers.items():
                self._asked_with.setdefault(answer, []).append(showing)
        # Each once: where words decide among a picture's passages it comes the more often.
        self._answers = sorted(self._asked_with)
        self.passages = fusion_inputs([passage_row(vector) for vector in sources.passage_vectors])
        """All passages as the network takes them, in the domain's order."""

    @property
    def shows(self) -> bool:
        """Whether the domain has pictures."""
        return bool(self._sources.training.pictures)

    @property
    def sounds(self) -> bool:
        """Whether there is sound to learn from."""
        return bool(self._sources.sounds)

    def utterances(self) -> Batch:
        """Words alone, which are enough."""
        turns = []
        for _ in range(self._arguments.utterances_per_step):
            if not self._order:
                self._order = self._rng.permutation(len(self._sources.utterances)).tolist()
            utterance = self._sources.utterances[self._order.pop()]
            places = tuple(self._places[utterance.language, passage] for passage in utterance.passages)
            told = Told(utterance.language, intents=(utterance.intent,), passages=places)
            turns.append((fusion_row(self._tokens(utterance.text), (), None), told))
        return self._batch(turns)

    def showings(self) -> Batch:
        """Words with pictures: needed for the answer, or not."""
        frames = self._frames()
        turns = []
        for _ in range(self._arguments.showings_per_step):
            text, picture, told = self._showing()
            row = fusion_row(self._tokens(text), [] if picture is None else [picture], frames)
            turns.append((row, told))
        return self._batch(turns)

    def pictures(self) -> Batch:
        """Pictures alone, different ones."""
        shown = self._sources.training.pictures
        count = min(self._arguments.pictures_per_step, len(shown))
        turns = []
        for place in self._rng.permutation(len(shown))[:count].tolist():
            language = self._pick(self._sources.domain.languages)
            turns.append((fusion_row(None, [self._seen(shown[place])], None), self.alone(place, language)))
        for _ in range(max(1, round(count * _NOTHING_SHOWN))):
            language = self._pick(self._sources.domain.languages)
            turns.append((fusion_row(None, [self._unknown()], None), self._nothing(language)))
        return self._batch(turns)

    def heard(self) -> tuple[Batch, NDArray[np.bool_]]:
        """Sound with its words, and which frames are hidden, bool ``[n, F]``."""
        turns, lengths = [], []
        for _ in range(self._arguments.sounds_per_step):
            sound = self._pick(self._sources.sounds)
            frames = self._cut(sound.frames)
            lengths.append(len(frames))
            turns.append((fusion_row(self._tokens(sound.text), (), frames), Told("en")))
        hidden = np.zeros((len(turns), max(lengths)), np.bool_)
        for row, length in enumerate(lengths):
            # Spans of three: a lone frame could be told from its neighbours.
            for start in self._rng.integers(
                0, length, max(1, round(length * self._arguments.hidden_frames / 3))
            ):
                hidden[row, start : min(start + 3, length)] = True
        return self._batch(turns), hidden

    def alone(self, place: int, language: str) -> Told:
        """What is known when a picture is shown without a word.

        The shares are those of the answers to what is asked with it; without questions
        its passages fit alike.
        """
        picture = self._sources.training.pictures[place].picture
        spread = self._sources.open_answers(place, language)
        return Told(
            language,
            passages=tuple(self._places[language, passage] for passage in picture.passages),
            spread=spread or self._nothing(language).spread,
            product=self._products[picture.product] if picture.product else len(self._products) - 1,
            kind=self._kinds[picture.kind],
            picture=place,
        )

    def _showing(self) -> tuple[TextFeatures, PictureFeatures | None, Told]:
        shown = self._sources.training.pictures
        chance = self._rng.random()
        if chance < _ASKED and self._asked_with:
            place, passage = self._pick(self._answers)
            showing = self._pick(self._asked_with[place, passage])
            alone = self.alone(place, showing.language)
            told = Told(
                showing.language,
                intents=tuple(self._intents_of.get(passage, ())),
                passages=(self._places[showing.language, passage],),
                product=alone.product,
                kind=alone.kind,
                picture=place,
            )
            return self._disturbed(showing.text), self._seen(shown[place]), told
        if chance < _ASKED + _ENOUGH:
            place = int(self._rng.integers(len(shown)))
            utterance = self._pick(self._sources.utterances)
            alone = self.alone(place, utterance.language)
            of_intent = tuple(self._places[utterance.language, passage] for passage in utterance.passages)
            both = tuple(at for at in of_intent if at in alone.passages)
            told = Told(
                utterance.language,
                intents=(utterance.intent,),
                passages=both or of_intent,
                product=alone.product,
                kind=alone.kind,
                picture=place,
            )
            return utterance.text, self._seen(shown[place]), told
        # Nothing known is shown, or nothing at all: words that need a picture leave all their answers open.
        nothing = self._unknown() if self._rng.random() < 0.5 else None
        if self._rng.random() < 0.5 or not self._asked_with:
            utterance = self._pick(self._sources.utterances)
            unknown = self._nothing(utterance.language)
            places = tuple(self._places[utterance.language, passage] for passage in utterance.passages)
            told = Told(
                utterance.language,
                intents=(utterance.intent,),
                passages=places,
                product=-1 if nothing is None else unknown.product,
                kind=-1 if nothing is None else unknown.kind,
                picture=unknown.picture,
            )
            return utterance.text, nothing, told
        showing = self._pick(self._sources.training.showing)
        unknown = self._nothing(showing.language)
        spread = self._sources.shares(showing.language, list(showing.answers.values()))
        told = Told(
            showing.language,
            spread=spread,
            product=unknown.product,
            kind=unknown.kind,
            picture=unknown.picture,
        )
        return showing.text, nothing, told

    def _nothing(self, language: str) -> Told:
        places = np.flatnonzero(self._of_language[language]).tolist()
        return Told(
            language,
            spread={place: 1.0 / len(places) for place in places},
            product=len(self._products) - 1,
            kind=len(self._kinds) - 1,
            picture=len(self._sources.training.pictures),
        )

    def _seen(self, shown: Shown) -> PictureFeatures:
        at = int(self._rng.integers(len(shown.variants)))
        appearance = shown.variants[at]
        words = None
        if at in shown.own_words:
            # They are few and often half read: never without the photograph.
            kept = self._rng.random() >= self._arguments.drop_words
            return self._look(appearance, shown.own_words[at][1] if kept else None)
        if shown.readings and self._rng.random() >= self._arguments.drop_words:
            words = self._pick(shown.readings)[1]
        if words is not None and self._rng.random() < self._arguments.drop_picture:
            return PictureFeatures(None, None, words)
        return self._look(appearance, words)

    def _unknown(self) -> PictureFeatures:
        return self._look(self._pick(self._sources.training.negatives), None)

    def _look(self, appearance: Appearance, words: TextFeatures | None) -> PictureFeatures:
        kept = self._rng.random((len(appearance.regions), 1)) >= self._arguments.drop_regions
        regions = appearance.regions.astype(np.float32) * kept
        return PictureFeatures(appearance.pooled.astype(np.float32), regions.astype(np.float32), words)

    def _disturbed(self, text: TextFeatures) -> TextFeatures:
        """Now and then, move a question some way towards another one: the picture must still decide."""
        if self._rng.random() >= self._arguments.disturb:
            return text
        other = self._pick(self._sources.utterances).text.sentence
        share = float(self._rng.uniform(0.0, 0.6))
        sentence = (1.0 - share) * text.sentence + share * other
        return TextFeatures((sentence / np.linalg.norm(sentence)).astype(np.float32), text.tokens)

    def _tokens(self, text: TextFeatures) -> TextFeatures:
        if self._rng.random() < self._arguments.drop_tokens:
            return TextFeatures(text.sentence, text.tokens[:0])
        return text

    def _frames(self) -> NDArray[np.float32] | None:
        """Sound for a whole batch, so that the others are not padded for nothing."""
        if self._rng.random() >= self._arguments.add_frames:
            return None
        if not self.sounds:
            length = int(self._rng.integers(*_SOUND_LENGTHS))
            return self._rng.standard_normal((length, FRAME_WIDTH)).astype(np.float32)
        return self._cut(self._pick(self._sources.sounds).frames)

    def _cut(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        length = min(int(self._rng.integers(*_SOUND_LENGTHS)), len(frames), FRAME_ROWS)
        start = int(self._rng.integers(0, len(frames) - length + 1))
        return frames[start : start + length]

    def _pick(self, choices: Sequence[_Choice]) -> _Choice:
        return choices[int(self._rng.integers(len(choices)))]

    def _batch(self, turns: Sequence[tuple[FusionRow, Told]]) -> Batch:
        told = [each for _, each in turns]
        count = len(self._sources.passage_vectors)
        intents = np.zeros((len(told), len(self._sources.domain.labels)), np.bool_)
        passages = np.zeros((len(told), count), np.bool_)
        spread = np.zeros((len(told), count), np.float32)
        for row, each in enumerate(told):
            intents[row, list(each.intents)] = True
            passages[row, list(each.passages)] = True
            spread[row, list(each.spread)] = list(each.spread.values())
        return Batch(
            inputs=fusion_inputs([row for row, _ in turns]),
            intents=intents,
            passages=passages,
            allowed=np.stack([self._of_language[each.language] for each in told]),
            spread=spread,
            products=np.array([each.product for each in told], np.int64),
            kinds=np.array([each.kind for each in told], np.int64),
            pictures=np.array([each.picture for each in told], np.int64),
        )

"""A turn's media and words brought into what dialogue takes: heard and seen together, then embedded. Pure."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace

from gateway.turn.background import background
from gateway.turn.features import AcousticFeatures, CustomerInput, Embedding, Heard, ImageFeatures
from gateway.turn.ports import ImageReader, Recognizer, TextEmbedder
from gateway.turn.stages import Stages
from gateway.turn.types import CustomerTurn, ImageInput, ImageSeen, Notice, Stage, Transcript
from services.serving.errors import FrontdeskError, InvalidArgument, ResourceExhausted

Tell = Callable[[Transcript | ImageSeen | Notice], None]


@dataclass(frozen=True, slots=True)
class PerceptionLimits:
    """Pictures of one turn that are looked at together, and how much of a picture's words is embedded."""

    pictures_at_once: int = 2
    picture_characters: int = 2_000


@dataclass(frozen=True, slots=True)
class Perceived:
    """What was said, typed and seen in a turn, before its words are embedded.

    ``language_code`` is the one named, else the one heard. ``images`` has one for each
    picture, an empty one where it could not be looked at. ``acoustic`` is known of
    turns with pictures alone: only these are fused.
    """

    said: str
    typed: str
    language_code: str = ""
    images: tuple[ImageFeatures, ...] = ()
    acoustic: AcousticFeatures | None = None

    @property
    def words(self) -> str:
        """What was said, then what was typed."""
        return "\n".join(part for part in (self.said, self.typed) if part.strip())


class Perception:
    """Hears, sees and embeds. Holds nothing between turns.

    A live turn and a stored one are perceived alike: give ``perceive`` a
    ``CustomerTurn`` with the stored media, and ``embed`` what it returned. To leave a
    part out, replace it in ``Perceived`` (words and pictures, which are embedded
    anew) or in the ``CustomerInput`` (``acoustic``, ``regions``, …).
    """

    def __init__(
        self,
        recognizer: Recognizer,
        image_reader: ImageReader,
        embedder: TextEmbedder,
        limits: PerceptionLimits | None = None,
    ) -> None:
        self._recognizer = recognizer
        self._image_reader = image_reader
        self._embedder = embedder
        self._limits = limits or PerceptionLimits()

    async def perceive(self, turn: CustomerTurn, stages: Stages, tell: Tell) -> Perceived:
        """Hear the speech and look at all pictures at the same time; ``tell`` each result once known.

        Pictures that cannot be looked at, because vision is down or late, are told by
        one Notice and stay empty. Raises Unavailable and DeadlineExceeded where
        hearing fails, and InvalidArgument and ResourceExhausted for media that cannot
        be used, by the request's fields (``images[0].content``).
        """
        async with (
            background(self._hear(turn, stages, tell)) as hearing,
            background(self._see(turn, stages, tell)) as seeing,
        ):
            heard, images = await asyncio.gather(hearing, seeing)
        said = heard.transcript.text if heard else ""
        language = heard.transcript.language_code if heard and said else ""
        return Perceived(
            said, turn.text, turn.language_code or language, images, heard.acoustic if heard else None
        )

    async def embed(self, perceived: Perceived, stages: Stages) -> CustomerInput:
        """Embed the words and those in the pictures by one call, with tokens where there are pictures.

        Raises Unavailable and DeadlineExceeded.
        """
        words = perceived.words
        read = [image.words[: self._limits.picture_characters] for image in perceived.images]
        texts = [text for text in (words, *read) if text.strip()]
        embeddings = iter(await self._embed(texts, stages, include_tokens=bool(perceived.images)))
        return CustomerInput(
            words,
            perceived.language_code,
            next(embeddings) if words else None,
            perceived.images,
            tuple(next(embeddings) if text.strip() else None for text in read),
            perceived.acoustic,
        )

    async def _embed(
        self, texts: Sequence[str], stages: Stages, *, include_tokens: bool
    ) -> Sequence[Embedding]:
        if not texts:
            return ()
        seconds = stages.seconds_for(Stage.TEXT)
        call = self._embedder.embed_queries(texts, include_tokens=include_tokens, timeout_seconds=seconds)
        return await stages.needed(Stage.TEXT, seconds, call)

    async def _hear(self, turn: CustomerTurn, stages: Stages, tell: Tell) -> Heard | None:
        audio = turn.audio
        if audio is None:
            return None
        if not audio.language_code:
            audio = replace(audio, language_code=turn.language_code)
        seconds = stages.seconds_for(Stage.ASR)
        call = self._recognizer.recognize(
            audio, include_acoustic_features=bool(turn.images), timeout_seconds=seconds
        )
        heard = await stages.needed(Stage.ASR, seconds, call)
        tell(heard.transcript)
        return heard

    async def _see(self, turn: CustomerTurn, stages: Stages, tell: Tell) -> tuple[ImageFeatures, ...]:
        if not turn.images:
            return ()
        seconds = stages.seconds_for(Stage.VISION)
        look = _Look(self._image_reader, turn.domain, seconds, self._limits.pictures_at_once, tell)
        with stages.timed(Stage.VISION):
            async with AsyncExitStack() as looking:
                tasks = [
                    await looking.enter_async_context(background(look.at(index, image)))
                    for index, image in enumerate(turn.images)
                ]
                images = await asyncio.gather(*tasks)
        if look.missed:
            tell(_missed(look.missed, len(turn.images)))
        return tuple(images)


class _Look:
    """Looks at the pictures of one turn, each of which may be missed."""

    def __init__(self, reader: ImageReader, domain: str, seconds: float, at_once: int, tell: Tell) -> None:
        self._reader = reader
        self._domain = domain
        self._seconds = seconds
        self._places = asyncio.Semaphore(at_once)
        self._tell = tell
        self.missed: dict[int, str] = {}
        """Why, by the picture's place in the turn."""

    async def at(self, index: int, image: ImageInput) -> ImageFeatures:
        """Look at one picture and tell of it; an empty result where it is missed."""
        try:
            async with asyncio.timeout(self._seconds), self._places:
                found = await self._reader.annotate(image, self._domain, timeout_seconds=self._seconds)
        except (FrontdeskError, TimeoutError) as error:
            if isinstance(error, FrontdeskError) and _is_the_pictures(error):
                raise _about(error, f"images[{index}].content") from error
            self.missed[index] = str(error) or "vision did not answer in time"
            return ImageFeatures()
        self._tell(ImageSeen(index, found.lines, found.products, found.kinds, found.labels))
        return found


def _is_the_pictures(error: FrontdeskError) -> bool:
    """Whether the picture is at fault, and not vision: too many calls at once are RESOURCE_EXHAUSTED, too."""
    return isinstance(error, InvalidArgument | ResourceExhausted) and any(
        violation.field == "content" for violation in error.violations
    )


def _about(error: FrontdeskError, field: str) -> FrontdeskError:
    """Return vision's refusal, with the picture that it is about."""
    return type(error)(error.reason, f"{field}: {error.message}", field=field, metadata=error.metadata)


def _missed(missed: Mapping[int, str], pictures: int) -> Notice:
    places = ", ".join(f"images[{index}]" for index in sorted(missed))
    cause = missed[min(missed)]
    message = f"{len(missed)} of {pictures} pictures could not be looked at ({places}): {cause}"
    return Notice(Stage.VISION, "VISION_UNAVAILABLE", message)

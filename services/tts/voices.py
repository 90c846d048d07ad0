"""The voices: which model speaks each, and in which language."""

from collections.abc import Iterable
from dataclasses import dataclass

from services.inference.spec import ModelSpec
from services.serving.errors import InvalidArgument
from services.tts.model import SAMPLE_RATE, TTS_EN, TTS_ZH

LANGUAGES = ("en", "zh")


@dataclass(frozen=True, slots=True)
class Voice:
    """One voice. ``default`` for its language; ``sample_rate`` before resampling.

    ``languages`` are all that its model can pronounce; ``language`` is the voice's own.
    """

    name: str
    language: str
    model: ModelSpec
    languages: tuple[str, ...]
    gain: float
    """Factor on the model's samples that makes all voices equally loud, about -18 dBFS while they speak."""
    default: bool = False
    sample_rate: int = SAMPLE_RATE


VOICES = (
    Voice("heart", "en", TTS_EN, ("en",), 1.9, default=True),
    Voice("am_michael", "en", TTS_ZH, ("en", "zh"), 1.3),
    Voice("zf_xiaobei", "zh", TTS_ZH, ("en", "zh"), 1.0),
    Voice("zf_xiaoxiao", "zh", TTS_ZH, ("en", "zh"), 0.65, default=True),
    Voice("zf_xiaoyi", "zh", TTS_ZH, ("en", "zh"), 0.9),
    Voice("zm_yunjian", "zh", TTS_ZH, ("en", "zh"), 1.2),
    Voice("zm_yunxi", "zh", TTS_ZH, ("en", "zh"), 0.9),
)


class Catalogue:
    """Finds voices by name and language."""

    def __init__(self, voices: Iterable[Voice] = VOICES) -> None:
        self._voices = tuple(sorted(voices, key=lambda voice: (voice.language, voice.name)))

    @property
    def models(self) -> tuple[ModelSpec, ...]:
        """The models that speak them, each once."""
        return tuple({voice.model.name: voice.model for voice in self._voices}.values())

    def of_language(self, language: str | None) -> tuple[Voice, ...]:
        """Voices of a language, or all; sorted by language, then name."""
        return tuple(voice for voice in self._voices if language in (None, voice.language))

    def default(self, language: str) -> Voice:
        """The voice used when none is named."""
        return next(voice for voice in self._voices if voice.default and voice.language == language)

    def choose(self, name: str, language: str | None, text_language: str) -> Voice:
        """The voice of a request: by name, else by language, else by the text's own language.

        Raises:
            InvalidArgument: no such voice, or it does not speak ``language``.
        """
        if not name:
            return self.default(language or text_language)
        voice = next((voice for voice in self._voices if voice.name == name), None)
        if voice is None:
            raise InvalidArgument(
                "VOICE_UNKNOWN",
                "voice is not installed: ListVoices names those that are",
                field="voice.voice",
            )
        if language is not None and language != voice.language:
            raise InvalidArgument(
                "VOICE_LANGUAGE_MISMATCH",
                f"voice {voice.name} speaks {voice.language}: leave language_code out, or name another voice",
                field="voice.language_code",
            )
        return voice


def language_of(text: str) -> str:
    """ "zh" where the text has Chinese characters, else "en"."""
    return "zh" if any("\u3400" <= character <= "\u9fff" for character in text) else "en"

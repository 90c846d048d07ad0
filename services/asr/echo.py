"""The echo of what is played to the speaker, taken out of what is heard: WebRTC's AEC3. Pure."""

from collections import deque
from typing import Final

import numpy as np
from livekit.rtc import AudioFrame, AudioProcessingModule
from numpy.typing import NDArray

from services.asr.echo_presence import EchoPresence

SAMPLE_RATE: Final = 16_000
LONGEST_ECHO_SECONDS: Final = 0.4
"""From ``played`` to the end of its echo; AEC3 searches up to 0.5 s."""

_FRAME = SAMPLE_RATE // 100  # the module takes 10 ms at a time
_AFTER = round((LONGEST_ECHO_SECONDS + 0.2) * SAMPLE_RATE)
_LEAD = _FRAME  # heard sound is held back, so that no echo comes before its cause
_MOST_WAITING = SAMPLE_RATE // 2
_COLD = 250  # frames in which AEC3, still adapting, may let an echo through for a moment
_LOUD = 0.3  # of the loudest that was played in the last 0.5 s: no echo is so loud, a speaker is
_HANGOVER = 20  # frames that count as the speaker's after a loud one
_FULL_SCALE = np.float32(32_768)


class EchoCanceller:
    """Takes the echo out of one stream; feed it from one thread at a time.

    Played and heard audio are paired by their count: the n-th sample that is heard after ``played`` began
    is taken to sound with the n-th one that was played, or up to 0.4 s later. So send played audio a
    little before it sounds, at its pace. While nothing is played, and 0.6 s later, sound passes through
    untouched at no cost; meanwhile 10 ms are held back.

    AEC3 takes for echo whatever it cannot tell from it yet: on a line without any it swallowed the first
    seconds of a speaker who interrupts. So it is used until it is known that there is no echo, about a
    second into what is played first, and again as soon as there is one. While it adapts, in the first
    2.5 s, only what is louder than an echo (-10 dB of what is played) is heard.
    """

    def __init__(self) -> None:
        self._presence = EchoPresence()
        self._cold = _COLD
        self._levels: deque[float] = deque([0.0] * 50, maxlen=50)  # of what was played, frame by frame
        self._loud = 0  # frames left of the hangover
        self._module: AudioProcessingModule | None = None  # made when first needed
        self._waiting = np.zeros(0, np.float32)  # played, not yet paired
        self._held = np.zeros(0, np.float32)  # heard, not yet given out
        self._unheard = 0  # samples at the start of it that nobody sent
        self._silent = _AFTER  # samples heard since the last that were played

    def played(self, samples: NDArray[np.float32]) -> None:
        """Take mono 16 kHz samples (-1 to 1) that begin to sound about now. Of more than 0.5 s that wait for
        what is heard the oldest are forgotten.
        """
        if len(samples):
            self._waiting = np.concatenate([self._waiting, samples])[-_MOST_WAITING:]
            self._silent = 0

    def cancel(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """What is heard (mono 16 kHz, -1 to 1) without the echo.

        As many samples as came, but for at most 20 ms that are held back while something is played.
        """
        if not self._sounds:
            if not len(self._held):
                return samples
            rest, self._held = self._held[self._unheard :], np.zeros(0, np.float32)
            return np.concatenate([rest, samples])
        if not len(self._held):
            self._held, self._unheard = np.zeros(_LEAD, np.float32), _LEAD
        self._held = np.concatenate([self._held, samples])
        frames = [np.zeros(0, np.float32)]
        while len(self._held) >= _LEAD + _FRAME:
            frames.append(self._frame(self._held[:_FRAME])[self._unheard :])
            self._held, self._unheard = self._held[_FRAME:], 0
        return np.concatenate(frames)

    @property
    def _sounds(self) -> bool:
        """Whether there may be an echo."""
        return len(self._waiting) > 0 or self._silent < _AFTER

    def _frame(self, heard: NDArray[np.float32]) -> NDArray[np.float32]:
        waiting, self._waiting = self._waiting[:_FRAME], self._waiting[_FRAME:]
        if not len(waiting):
            self._silent += _FRAME
        played = np.pad(waiting, (0, _FRAME - len(waiting)))
        self._presence.feed(played, heard)
        if not self._presence.present:
            return heard
        if self._module is None:
            self._module = AudioProcessingModule(echo_cancellation=True)
        self._module.process_reverse_stream(_coded(played))
        frame = _coded(heard)
        self._module.process_stream(frame)  # in place
        if self._cold:
            self._cold -= 1
            self._levels.append(_level(played))
            self._loud = _HANGOVER if _level(heard) > _LOUD * max(self._levels) else max(self._loud - 1, 0)
            if not self._loud:
                return np.zeros(_FRAME, np.float32)
        return np.frombuffer(frame.data, np.int16).astype(np.float32) / _FULL_SCALE


def _level(samples: NDArray[np.float32]) -> float:
    """RMS."""
    return float(np.sqrt(np.mean(samples**2)))


def _coded(samples: NDArray[np.float32]) -> AudioFrame:
    coded = np.clip(np.rint(samples * _FULL_SCALE), -32_768, 32_767).astype(np.int16)
    return AudioFrame(coded.tobytes(), SAMPLE_RATE, 1, len(coded))

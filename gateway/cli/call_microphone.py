"""A person at this machine as the customer of a call: microphone and loudspeaker."""

import asyncio
import threading
from types import TracebackType
from typing import Any

import numpy as np

from gateway.cli.call_coding import Samples
from gateway.cli.call_playback import Playback
from gateway.cli.context import UsageError


class Headset:
    """The default microphone and loudspeaker; both a call's voice and its loudspeaker.

    Enter it in the event loop that holds the call. UsageError without sounddevice, PortAudio or a device.
    """

    def __init__(self, sample_rate_hertz: int, frame_length: int) -> None:
        self._sound = _sounddevice()
        self._rate = sample_rate_hertz
        self._frame_length = frame_length
        self._heard: asyncio.Queue[Samples] = asyncio.Queue()
        self._waiting = np.zeros(0, np.int16)
        self._waits = threading.Lock()
        self._stream: Any = None

    def __enter__(self) -> "Headset":
        loop = asyncio.get_running_loop()

        def exchange(spoken: Any, sounding: Any, count: int, _time: Any, _status: Any) -> None:
            loop.call_soon_threadsafe(self._heard.put_nowait, spoken[:, 0].copy())
            with self._waits:
                played, self._waiting = self._waiting[:count], self._waiting[count:]
            sounding[:, 0] = np.pad(played, (0, count - len(played)))

        try:
            self._stream = self._sound.Stream(
                samplerate=self._rate,
                blocksize=self._frame_length,
                channels=1,
                dtype="int16",
                latency="low",
                callback=exchange,
            )
            self._stream.start()
        except (self._sound.PortAudioError, ValueError) as error:
            raise UsageError(
                f"The microphone or the loudspeaker cannot be opened at {self._rate} Hz ({error}):"
                " connect both, or give a recording."
            ) from error
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stream.close()

    async def frame(self, start: int, count: int, playback: Playback) -> Samples | None:
        """Return the next samples that the microphone took."""
        if start == 0:  # what was said before the call began is no part of it
            while not self._heard.empty():
                self._heard.get_nowait()
        return await self._heard.get()

    def play(self, samples: Samples) -> None:
        """Play after what waits."""
        with self._waits:
            self._waiting = np.concatenate([self._waiting, samples])

    def stop(self) -> None:
        """Drop what waits."""
        with self._waits:
            self._waiting = self._waiting[:0]


def _sounddevice() -> Any:
    try:
        import sounddevice
    except ModuleNotFoundError as error:
        raise UsageError(
            "--mic needs the package sounddevice: install Frontdesk's extra `microphone`, in a clone by"
            " pip install '.[microphone]'."
        ) from error
    except OSError as error:
        raise UsageError(
            f"--mic needs PortAudio ({error}): install it, e.g. apt-get install libportaudio2."
        ) from error
    return sounddevice

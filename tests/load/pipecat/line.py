"""A telephone line inside the process: plays a recording in real time, and records both sides."""

import asyncio
import math
import time

import numpy as np
from numpy.typing import NDArray
from pipecat.frames.frames import InputAudioRawFrame, OutputAudioRawFrame, StartFrame
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.transports.base_input import BaseInputTransport
from pipecat.transports.base_output import BaseOutputTransport
from pipecat.transports.base_transport import BaseTransport, TransportParams

SAMPLE_RATE = 16_000
FRAME_SECONDS = 0.02
_FRAME = int(SAMPLE_RATE * FRAME_SECONDS)


class Recording:
    """What is heard on the line, by its clock: mono int16 pieces where they sound."""

    def __init__(self) -> None:
        self._began = math.inf
        self._answer: list[tuple[int, NDArray[np.int16]]] = []

    def start(self) -> None:
        """The clock's zero: the customer's first sample is spoken now."""
        self._began = time.monotonic()

    @property
    def now(self) -> float:
        """Seconds since the start; minus infinity before it."""
        return time.monotonic() - self._began

    def sounds(self, piece: NDArray[np.int16]) -> float:
        """Put a piece of the answer at this moment, or behind what still sounds; return when it ends."""
        begin = int(self.now * SAMPLE_RATE)
        if self._answer:
            last, samples = self._answer[-1]
            begin = max(begin, last + len(samples))
        self._answer.append((begin, piece))
        return (begin + len(piece)) / SAMPLE_RATE

    def sounded_after(self, start: float) -> float:
        """Seconds of the answer that have sounded behind ``start``."""
        ends = (begin + len(piece) for begin, piece in self._answer)
        first = min((begin for begin, _ in self._answer if begin >= start * SAMPLE_RATE), default=None)
        return 0.0 if first is None else min(self.now, max(ends) / SAMPLE_RATE) - first / SAMPLE_RATE

    def stereo(self, customer: NDArray[np.int16]) -> NDArray[np.int16]:
        """(samples, 2): customer left, answer right, both from the start to the end of the longer one."""
        end = max([len(customer), *(begin + len(piece) for begin, piece in self._answer)])
        both = np.zeros((end, 2), np.int16)
        both[: len(customer), 0] = customer
        for begin, piece in self._answer:
            both[begin : begin + len(piece), 1] = piece
        return both


class _Ear(BaseInputTransport):
    """Sends each 20 ms of the recording once they have been spoken, then silence."""

    def __init__(self, recording: Recording, customer: NDArray[np.int16], params: TransportParams) -> None:
        super().__init__(params)
        self._recording, self._customer = recording, customer
        self._speaker: asyncio.Task[None] | None = None

    async def start(self, frame: StartFrame) -> None:
        await super().start(frame)
        await self.set_transport_ready(frame)
        self._speaker = self.create_task(self._speak())

    async def cleanup(self) -> None:
        if self._speaker:
            await self.cancel_task(self._speaker)
        await super().cleanup()

    async def _speak(self) -> None:
        self._recording.start()
        index = 0
        while True:
            piece = self._customer[index * _FRAME : (index + 1) * _FRAME]
            index += 1
            await asyncio.sleep(max(0.0, index * FRAME_SECONDS - self._recording.now))
            audio = np.pad(piece, (0, _FRAME - len(piece))).tobytes()
            await self.push_audio_frame(InputAudioRawFrame(audio, SAMPLE_RATE, num_channels=1))


class _Mouth(BaseOutputTransport):
    """Plays in real time: takes the next piece when the last one has sounded."""

    def __init__(self, recording: Recording, params: TransportParams) -> None:
        super().__init__(params)
        self._recording = recording

    async def start(self, frame: StartFrame) -> None:
        await super().start(frame)
        await self.set_transport_ready(frame)

    async def write_audio_frame(self, frame: OutputAudioRawFrame) -> bool:
        ends = self._recording.sounds(np.frombuffer(frame.audio, np.int16))
        await asyncio.sleep(max(0.0, ends - self._recording.now))
        return True


class Line(BaseTransport):
    """The transport of one call."""

    def __init__(self, customer: NDArray[np.int16]) -> None:
        super().__init__()
        params = TransportParams(
            audio_in_enabled=True,
            audio_in_sample_rate=SAMPLE_RATE,
            audio_out_enabled=True,
            audio_out_sample_rate=SAMPLE_RATE,
            audio_out_end_silence_secs=0,
        )
        self.recording = Recording()
        self._ear = _Ear(self.recording, customer, params)
        self._mouth = _Mouth(self.recording, params)

    def input(self) -> FrameProcessor:
        return self._ear

    def output(self) -> FrameProcessor:
        return self._mouth

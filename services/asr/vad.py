"""Voice activity detection by Silero VAD, without torch."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from services.serving.errors import FailedPrecondition

FRAME_SAMPLES = 512
"""Samples at 16 kHz (32 ms) that one probability stands for."""

CONTEXT_SAMPLES = 64
"""Samples before a frame that the model hears with it."""

_STATE_SHAPE = (1, 1, 128)
_FRAMES_A_CALL = 1024


@dataclass(frozen=True, slots=True)
class VadState:
    """What the model remembers of the frames so far: its LSTM's hidden and cell state, each [1, 1, 128]."""

    hidden: NDArray[np.float32]
    cell: NDArray[np.float32]


class SileroVad:
    """The model's sequence variant: one call for up to 33 s of audio, the same figures as frame by frame.

    Stateless between calls and safe to use from several threads.
    """

    def __init__(self, model: Path) -> None:
        """Load the model.

        Raises:
            FailedPrecondition: VAD_MODEL_MISSING, when the file is not there.
        """
        if not model.is_file():
            raise FailedPrecondition(
                "VAD_MODEL_MISSING",
                f"{model.absolute()} is not there: run `make weights`, or set FRONTDESK_ASR_VAD_MODEL",
            )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3  # warns of initializers that the export left unused
        self._session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])

    def __call__(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Probability of speech (0 to 1) for each 32 ms of mono 16 kHz samples, the last one padded."""
        if not len(samples):
            return np.zeros(0, np.float32)
        count = -(-len(samples) // FRAME_SAMPLES)
        padded = np.zeros(CONTEXT_SAMPLES + count * FRAME_SAMPLES, np.float32)
        padded[CONTEXT_SAMPLES : CONTEXT_SAMPLES + len(samples)] = samples
        return self.frames(padded, self.start())[0]

    def start(self) -> VadState:
        """The state before the first frame."""
        nothing = np.zeros(_STATE_SHAPE, np.float32)
        return VadState(nothing, nothing)

    def frames(self, samples: NDArray[np.float32], state: VadState) -> tuple[NDArray[np.float32], VadState]:
        """Probabilities of whole frames that go on from ``state``, and the state after them.

        ``samples``: the last ``CONTEXT_SAMPLES`` before the frames (zeros at the start), then the frames.
        """
        # Each frame is heard after the end of the one before it.
        windows = np.lib.stride_tricks.sliding_window_view(samples, CONTEXT_SAMPLES + FRAME_SAMPLES)
        frames = windows[::FRAME_SAMPLES]
        probabilities = [np.zeros(0, np.float32)]
        for begin in range(0, len(frames), _FRAMES_A_CALL):
            block = np.ascontiguousarray(frames[begin : begin + _FRAMES_A_CALL])
            some, hidden, cell = self._session.run(
                ["speech_probs", "hn", "cn"], {"input": block, "h": state.hidden, "c": state.cell}
            )
            state = VadState(hidden, cell)
            probabilities.append(some.reshape(-1))
        return np.concatenate(probabilities), state

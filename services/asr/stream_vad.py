"""Voice activity while the audio still comes: Silero VAD with its state kept from frame to frame."""

import numpy as np
from numpy.typing import NDArray

from services.asr.vad import CONTEXT_SAMPLES, FRAME_SAMPLES, SileroVad


class StreamingVad:
    """One stream's voice activity, the same figures as the model gives for the whole audio.

    Streams share the model (one session, safe from several threads) and keep 3 kB of state each.
    Feed it from one thread at a time.
    """

    def __init__(self, model: SileroVad) -> None:
        self._model = model
        self._state = model.start()
        self._rest = np.zeros(CONTEXT_SAMPLES, np.float32)  # the context, then what makes no frame yet

    def feed(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take the next mono 16 kHz samples (-1 to 1), as many as there are.

        Returns the probability of speech (0 to 1) of each frame of 512 samples that is now complete.
        """
        self._rest = np.concatenate([self._rest, samples])
        count = (len(self._rest) - CONTEXT_SAMPLES) // FRAME_SAMPLES
        if not count:
            return np.zeros(0, np.float32)
        end = count * FRAME_SAMPLES
        probabilities, self._state = self._model.frames(self._rest[: end + CONTEXT_SAMPLES], self._state)
        self._rest = self._rest[end:]
        return probabilities

"""Whether a speaker has finished, by how the speech sounds: smart-turn v3.2, without torch."""

from pathlib import Path
from typing import Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from services.asr.log_mel import SAMPLE_RATE, LogMel
from services.serving.errors import FailedPrecondition

HEARD_SECONDS: Final = 8
"""The most that the model hears, counted from the end."""

_SAMPLES = HEARD_SECONDS * SAMPLE_RATE


class EndOfTurnModel:
    """Whisper tiny's encoder with a head that tells ended turns from pauses (pipecat-ai/smart-turn).

    It was trained on whole turns up to the pause that is asked about, about 0.2 s of silence included; it
    hears intonation and the last words, in 23 languages. Its figure is advice: it is sure of some pauses
    within turns, so silence must decide in the end. Stateless, safe to use from several threads; a call
    keeps one core busy, so call it in a thread.
    """

    def __init__(self, model: Path) -> None:
        """Load the model.

        Raises:
            FailedPrecondition: END_OF_TURN_MODEL_MISSING, when the file is not there.
        """
        if not model.is_file():
            raise FailedPrecondition(
                "END_OF_TURN_MODEL_MISSING",
                f"{model.absolute()} is not there: run `make weights`, or set "
                "FRONTDESK_ASR_END_OF_TURN_MODEL",
            )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        self._log_mel = LogMel()

    def __call__(self, samples: NDArray[np.float32]) -> float:
        """Probability (0 to 1) that the speaker has finished, given the turn's mono 16 kHz samples (-1 to 1)
        up to now, of which the last 8 s are heard.
        """
        heard = np.zeros(_SAMPLES, np.float32)
        last = samples[-_SAMPLES:]
        heard[_SAMPLES - len(last) :] = last
        # As the model's own feature extractor does: the padding counts in mean and variance.
        heard = (heard - heard.mean()) / np.sqrt(heard.var() + np.float32(1e-7))
        (probability,) = self._session.run(["logits"], {"input_features": self._log_mel(heard)[None]})
        return float(probability[0, 0])

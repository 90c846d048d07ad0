"""What the benchmark's synthetic customers sound like."""

import numpy as np
from frontdesk.tts.v1 import tts_pb2

from gateway.client import FrontdeskClient
from tests.load.call.recordings import CUSTOMER_VOICE, SAMPLE_RATE, Samples, Synthesize


def spoken_by(client: FrontdeskClient) -> Synthesize:
    """Words → their sound in another voice than Frontdesk's, by the suite itself."""

    def synthesize(text: str) -> Samples:
        wanted = tts_pb2.OutputFormat(sample_rate_hertz=SAMPLE_RATE)
        said = client.synthesize(text, voice=CUSTOMER_VOICE, audio_format=wanted)
        samples: Samples = np.frombuffer(said.audio, "<i2")
        return samples

    return synthesize

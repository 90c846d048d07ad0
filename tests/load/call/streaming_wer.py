"""Word error rate of the same real clips: spoken into a stream, and recognized as whole files."""

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jiwer
import numpy as np
from frontdesk.asr.v1 import asr_pb2, asr_pb2_grpc
from numpy.typing import NDArray

from gateway.client import FrontdeskClient
from training.evaluate import spoken
from training.evaluate.asr import clips, telephone

_FRAME_SECONDS = 0.02
_PACE = 4.0
"""Times as fast as spoken. The finals are decoded from the same audio, whatever the pace."""
_SILENCE_SECONDS = 1.0
_STREAMS = 2
_SEED = 5
_MULAW_SILENCE = b"\xff"


def run(client: FrontdeskClient, data: Path, count: int) -> Mapping[str, Any]:
    """Percent, over ``count`` drawn clips of AN4."""
    every = list(clips(data / "an4_speech"))
    drawn = np.random.default_rng(_SEED).choice(len(every), min(count, len(every)), replace=False)
    chosen = [every[index] for index in sorted(drawn)]
    references = [" ".join(spoken.english_tokens(clip.transcript, capitals_spell=False)) for clip in chosen]
    stub: Any = asr_pb2_grpc.AsrServiceStub(client.channel)
    figures: dict[str, Any] = {"clips": len(chosen), "words": sum(len(text.split()) for text in references)}
    for suffix, coded in (("", _wide), ("_8khz_mulaw", telephone)):
        audio = [coded(clip.samples) for clip in chosen]
        with ThreadPoolExecutor(_STREAMS) as streams:
            streamed = list(streams.map(lambda each: _streamed(stub, *each), audio))
        whole = [_whole(stub, *each) for each in audio]
        figures[f"wer_streaming{suffix}"] = _percent(references, streamed)
        figures[f"wer_whole{suffix}"] = _percent(references, whole)
    return figures


def _wide(samples: NDArray[np.float32]) -> tuple[bytes, asr_pb2.RecognitionConfig]:
    coded = (np.clip(samples, -1, 1) * 32767).round().astype("<i2").tobytes()
    return coded, asr_pb2.RecognitionConfig(
        encoding=asr_pb2.AUDIO_ENCODING_LINEAR16, sample_rate_hertz=16_000, audio_channel_count=1
    )


def _streamed(stub: Any, audio: bytes, config: asr_pb2.RecognitionConfig) -> str:
    finals = [
        response.final.transcript
        for response in stub.StreamingRecognize(_requests(audio, config))
        if response.WhichOneof("result") == "final"
    ]
    return " ".join(spoken.english_tokens(" ".join(finals)))


def _requests(audio: bytes, config: asr_pb2.RecognitionConfig) -> Iterator[asr_pb2.StreamingRecognizeRequest]:
    yield asr_pb2.StreamingRecognizeRequest(
        config=asr_pb2.StreamingRecognitionConfig(
            encoding=config.encoding, sample_rate_hertz=config.sample_rate_hertz, language_code="en"
        )
    )
    mulaw = config.encoding == asr_pb2.AUDIO_ENCODING_MULAW
    second = config.sample_rate_hertz * (1 if mulaw else 2)
    silent = (_MULAW_SILENCE if mulaw else b"\x00") * int(second * _SILENCE_SECONDS)
    frame, whole = int(second * _FRAME_SECONDS), audio + silent
    began = time.monotonic()
    for index in range(0, len(whole), frame):
        yield asr_pb2.StreamingRecognizeRequest(audio=whole[index : index + frame])
        time.sleep(max(0.0, began + index / second / _PACE - time.monotonic()))


def _whole(stub: Any, audio: bytes, config: asr_pb2.RecognitionConfig) -> str:
    named = asr_pb2.RecognitionConfig()
    named.CopyFrom(config)
    named.language_code = "en"
    response = stub.Recognize(asr_pb2.RecognizeRequest(config=named, audio=audio))
    return " ".join(spoken.english_tokens(response.transcript))


def _percent(references: Sequence[str], heard: Sequence[str]) -> float:
    return round(100 * float(jiwer.wer(list(references), list(heard))), 2)

"""Settings → a servicer that is ready to serve."""

import asyncio

import opencc

from services.asr.audio import AudioDecoder
from services.asr.echo import EchoCanceller
from services.asr.end_of_turn import EndOfTurnModel
from services.asr.live import HearingModels, LiveHearing
from services.asr.model import SAMPLE_RATE
from services.asr.recognizer import Recognizer
from services.asr.servicer import AsrServicer
from services.asr.settings import AsrSettings
from services.asr.stream_vad import StreamingVad
from services.asr.transcriber import Transcriber
from services.asr.vad import FRAME_SAMPLES, SileroVad
from services.inference.port import InferenceClient


def asr_servicer(settings: AsrSettings, triton: InferenceClient) -> AsrServicer:
    """Load what runs in this process, and connect it to what runs on Triton.

    Raises:
        FailedPrecondition: VAD_MODEL_MISSING or END_OF_TURN_MODEL_MISSING.
    """
    vad = SileroVad(settings.vad_model)
    end_of_turn = EndOfTurnModel(settings.end_of_turn_model)
    transcriber = Transcriber(triton, opencc.OpenCC("t2s").convert)
    frame_seconds = FRAME_SAMPLES / SAMPLE_RATE
    hearing = LiveHearing(
        HearingModels(
            voice_activity=lambda: StreamingVad(vad),
            frame_seconds=frame_seconds,
            echo=EchoCanceller,
            end_of_turn=lambda samples: asyncio.to_thread(end_of_turn, samples),
            transcriber=transcriber,
            inference=triton,
        ),
        most_streams=settings.max_streams,
    )
    return AsrServicer(
        AudioDecoder(max_bytes=settings.max_audio_bytes, max_seconds=settings.max_audio_seconds),
        Recognizer(triton, vad, frame_seconds, transcriber),
        hearing,
    )

"""``python -m training.evaluate.asr --data DIR``: how good and how quick speech recognition is.

Runs a real Triton with the exported models and the asr service before it, and sends everything through gRPC:

- word error rate on AN4 (`an4_speech`, github.com/cmusphinx/an4), at 16 kHz and as 8 kHz µ-law;
- character error rate on AISHELL-3 (`aishell3_sample`), the language named, and detected;
- words on a minute each of noise, music and silence, which must be none;
- latency on clips of 3 to 5 s: of the model alone, and of the whole ``Recognize``.

``training.evaluate.spoken`` says how transcripts are made comparable.
"""

import argparse
import asyncio
import csv
import io
import json
import os
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import jiwer
import numpy as np
import soundfile
import soxr
from frontdesk.asr.v1 import asr_pb2
from numpy.typing import NDArray

from services.asr.audio import SAMPLE_RATE
from services.asr.model import ACOUSTIC, ASR_EN, ASR_MULTILINGUAL
from services.asr.settings import AsrSettings
from services.inference.client import TritonClient
from services.inference.spec import ModelSpec
from services.serving.logs import configure_logging
from services.triton.local_server import LocalTriton
from training.evaluate import sounds, spoken
from training.evaluate.asr_service import asr_service

_SEEDS = (1001, 1002)
"""Of sounds that no threshold was chosen on."""
_LEVELS_DB = (-1.0, -20.0, -45.0)
_SECONDS = 60.0
_REPEATS = 3

Recognize = Callable[[bytes, asr_pb2.RecognitionConfig], Awaitable[asr_pb2.RecognizeResponse]]


@dataclass(frozen=True)
class Clip:
    """One recording with its reference transcript."""

    path: Path
    transcript: str
    samples: NDArray[np.float32]

    @property
    def seconds(self) -> float:
        """Its length."""
        return len(self.samples) / SAMPLE_RATE


def clips(folder: Path) -> Iterator[Clip]:
    """All 16 kHz recordings that a folder's ``metadata.tsv`` names."""
    with (folder / "metadata.tsv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            samples, rate = soundfile.read(folder / row["path"], dtype="float32")
            if rate != SAMPLE_RATE:
                raise ValueError(f"{folder / row['path']} has {rate} Hz, not {SAMPLE_RATE}")
            yield Clip(folder / row["path"], row["transcript"], samples)


def telephone(samples: NDArray[np.float32]) -> tuple[bytes, asr_pb2.RecognitionConfig]:
    """The samples as raw 8 kHz µ-law, and how to read that."""
    stream = io.BytesIO()
    narrow = soxr.resample(samples, SAMPLE_RATE, 8_000)
    soundfile.write(stream, narrow, 8_000, format="RAW", subtype="ULAW")
    config = asr_pb2.RecognitionConfig(
        encoding=asr_pb2.AUDIO_ENCODING_MULAW, sample_rate_hertz=8_000, audio_channel_count=1
    )
    return stream.getvalue(), config


def local_triton(repository: Path, log_file: Path) -> LocalTriton:
    """A Triton of its own with the speech models alone, on free ports; enter it to start it."""
    grpc_port, http_port, metrics_port = _free_ports(3)
    return LocalTriton(
        repository,
        grpc_port=grpc_port,
        http_port=http_port,
        metrics_port=metrics_port,
        log_file=log_file,
        models=[ASR_EN.name, ASR_MULTILINGUAL.name, ACOUSTIC.name],
    )


@asynccontextmanager
async def service(triton: TritonClient, vad_model: Path) -> AsyncIterator[Recognize]:
    """The asr service on a free port, and a function that calls it."""
    async with asr_service(triton, vad_model) as caller:
        yield caller.recognize


async def english(recognize: Recognize, folder: Path) -> dict[str, object]:
    """Word error rates in percent."""
    references, wide, narrow = [], [], []
    for clip in clips(folder):
        references.append(" ".join(spoken.english_tokens(clip.transcript, capitals_spell=False)))
        heard = await recognize(clip.path.read_bytes(), asr_pb2.RecognitionConfig(language_code="en"))
        wide.append(" ".join(spoken.english_tokens(heard.transcript)))
        audio, config = telephone(clip.samples)
        config.language_code = "en"
        narrow.append(" ".join(spoken.english_tokens((await recognize(audio, config)).transcript)))
    return {
        "clips": len(references),
        "wer_percent": percent(references, wide),
        "wer_percent_8khz_mulaw": percent(references, narrow),
        "clips_without_words": sum(not text for text in wide),
    }


async def mandarin(recognize: Recognize, folder: Path) -> dict[str, object]:
    """Character error rates in percent."""
    references, named, detected = [], [], []
    languages = []
    for clip in clips(folder):
        references.append(" ".join(spoken.mandarin_characters(clip.transcript)))
        audio = clip.path.read_bytes()
        heard = await recognize(audio, asr_pb2.RecognitionConfig(language_code="zh"))
        named.append(" ".join(spoken.mandarin_characters(heard.transcript)))
        heard = await recognize(audio, asr_pb2.RecognitionConfig())
        languages.append(heard.language_code)
        detected.append(" ".join(spoken.mandarin_characters(heard.transcript)))
    return {
        "clips": len(references),
        "cer_percent": percent(references, named),
        "cer_percent_language_detected": percent(references, detected),
        "detected_as_zh": languages.count("zh"),
    }


async def wordless(recognize: Recognize) -> dict[str, object]:
    """Words on sounds in which nobody speaks, by sound; a minute each, of several seeds and levels."""
    words = {}
    for name in sounds.SOUNDS:
        words[name] = 0
        for seed in _SEEDS:
            for level in _LEVELS_DB:
                stream = io.BytesIO()
                samples = sounds.make(name, seed, _SECONDS, level)
                soundfile.write(stream, samples, SAMPLE_RATE, format="WAV", subtype="PCM_16")
                heard = await recognize(stream.getvalue(), asr_pb2.RecognitionConfig())
                words[name] += len(heard.words)
    minutes = len(words) * len(_SEEDS) * len(_LEVELS_DB) * _SECONDS / 60
    return {"minutes": minutes, "words": sum(words.values()), "words_by_sound": words}


async def latency(
    recognize: Recognize, triton: TritonClient, spec: ModelSpec, language: str, folder: Path
) -> dict[str, object]:
    """Milliseconds on clips of 3 to 5 s, the model and the whole service in turn."""
    chosen = [clip for clip in clips(folder) if 3.0 <= clip.seconds <= 5.0]
    model, whole = [], []
    for _ in range(_REPEATS):
        for clip in chosen:
            inputs = {"samples": clip.samples, "language": np.array([language.encode()], np.object_)}
            began = time.perf_counter()
            await triton.infer(spec, inputs, timeout_seconds=60.0)
            model.append(time.perf_counter() - began)
            began = time.perf_counter()
            await recognize(clip.path.read_bytes(), asr_pb2.RecognitionConfig(language_code=language))
            whole.append(time.perf_counter() - began)
    return {
        "clips": len(chosen),
        "mean_seconds": round(float(np.mean([clip.seconds for clip in chosen])), 2),
        "model_ms": milliseconds(model),
        "recognize_ms": milliseconds(whole),
    }


async def evaluate(data: Path, repository: Path, vad_model: Path, log_file: Path) -> dict[str, object]:
    """All figures; see the module."""
    specs = (ASR_EN, ASR_MULTILINGUAL)
    an4, aishell = data / "an4_speech", data / "aishell3_sample"
    with local_triton(repository, log_file) as local:
        triton = TritonClient(local.url)
        try:
            async with service(triton, vad_model) as recognize:
                load = os.getloadavg()[0]
                figures: dict[str, object] = {
                    "latency_en": await latency(recognize, triton, ASR_EN, "en", an4),
                    "latency_zh": await latency(recognize, triton, ASR_MULTILINGUAL, "zh", aishell),
                    "an4_speech": await english(recognize, an4),
                    "aishell3_sample": await mandarin(recognize, aishell),
                    "no_speech": await wordless(recognize),
                }
        finally:
            await triton.close()
    threads = {spec.name: spec.cpu_threads for spec in specs}
    machine = {"cpus": os.cpu_count(), "load_before": round(load, 2), "cpu_threads": threads}
    return {"machine": machine, **figures}


def percent(references: Sequence[str], heard: Sequence[str]) -> float:
    """Word error rate in percent."""
    return round(100 * float(jiwer.wer(list(references), list(heard))), 2)


def milliseconds(seconds: Sequence[float]) -> dict[str, float]:
    """Median and 95th percentile in milliseconds."""
    return {f"p{share}": round(1000 * float(np.percentile(seconds, share)), 1) for share in (50, 95)}


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


def main() -> None:
    """Measure, print and write the figures."""
    parser = argparse.ArgumentParser(prog="python -m training.evaluate.asr")
    default_data = Path(os.environ.get("FRONTDESK_DATA", "../shared/data"))
    parser.add_argument(
        "--data", type=Path, default=default_data, help="folder of an4_speech and aishell3_sample"
    )
    parser.add_argument("--repository", type=Path, default=Path("build/model_repository"))
    parser.add_argument("--vad", type=Path, default=AsrSettings.model_fields["vad_model"].default)
    parser.add_argument("--out", type=Path, default=Path("build/bench/asr_quality.json"))
    arguments = parser.parse_args()
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    log_file = arguments.out.with_suffix(".triton.log")
    configure_logging(AsrSettings(log_level="warning"))
    figures = asyncio.run(evaluate(arguments.data, arguments.repository, arguments.vad, log_file))
    text = json.dumps(figures, indent=2)
    arguments.out.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()

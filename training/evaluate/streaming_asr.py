"""``python -m training.evaluate.streaming_asr --data DIR``: how well and how soon live speech is heard.

Runs a real Triton with the exported models and the asr service before it, and plays recordings into
``StreamingRecognize`` in real time, 20 ms a message, ``--streams`` of them at the same time:

- word error rate on AN4 (`an4_speech`, github.com/cmusphinx/an4) against that of ``Recognize`` on the same
  clips, at 16 kHz and as 8 kHz µ-law. A clip is one utterance, which the client ends at the first evidence of
  0.3 s of silence after the clip's last sample;
- delays: the first partial with words after the speech's start; the settled partial after its end; the final
  after the client ended the utterance;
- partials: stable words that changed (must be none), the share of the final words that were stable before the
  last pause, the share of words told in partials that the final has in their place;
- words on noise, music and silence, which must be none, in partials too. These are sent as fast as they are
  heard; one that starts an utterance is played once more in real time.
"""

import argparse
import asyncio
import itertools
import json
import os
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from frontdesk.asr.v1 import asr_pb2
from google.protobuf.duration_pb2 import Duration
from numpy.typing import NDArray

from services.asr.audio import SAMPLE_RATE
from services.asr.settings import AsrSettings
from services.inference.client import TritonClient
from services.serving.logs import configure_logging
from training.evaluate import sounds, spoken
from training.evaluate.asr import Clip, clips, local_triton, milliseconds, percent, telephone
from training.evaluate.asr_service import AsrCaller, asr_service

_FRAME_SECONDS = 0.02
_END_SILENCE_SECONDS = 0.3
_TRAILING_SECONDS = 3.0  # of silence behind a clip: the client ends the utterance long before
_SEEDS = (1001, 1002)
_LEVELS_DB = (-1.0, -20.0, -45.0)
_SOUND_SECONDS = 60.0

Request = asr_pb2.StreamingRecognizeRequest


@dataclass
class Played:
    """What came of one recording; times in seconds of the event loop."""

    began: float = 0.0
    """When the first sample was sent."""
    ended: float | None = None
    """When the client ended the utterance."""
    partials: list[tuple[float, asr_pb2.PartialResult]] = field(default_factory=list)
    finals: list[tuple[float, asr_pb2.FinalResult]] = field(default_factory=list)
    starts: int = 0

    @property
    def transcript(self) -> str:
        """All finals."""
        return " ".join(final.transcript for _, final in self.finals)


async def play(
    caller: AsrCaller,
    audio: bytes,
    config: asr_pb2.StreamingRecognitionConfig,
    *,
    bytes_a_second: int,
    seconds: float,
    real_time: bool,
) -> Played:
    """Play a recording of ``seconds`` with silence behind it, and end its utterance where it is silent."""
    loop = asyncio.get_running_loop()
    played = Played(began=loop.time())
    over = asyncio.Event()  # enough silence was heard behind the recording
    silence = b"\xff" if config.encoding == asr_pb2.AUDIO_ENCODING_MULAW else b"\x00"
    whole = audio + silence * round(bytes_a_second * _TRAILING_SECONDS)
    frame_bytes = round(bytes_a_second * (_FRAME_SECONDS if real_time else 1.0))

    async def send() -> AsyncIterator[Request]:
        yield Request(config=config)
        played.began = loop.time()
        for number, begin in enumerate(range(0, len(whole), frame_bytes), start=1):
            if real_time:
                await asyncio.sleep(max(0.0, played.began + number * _FRAME_SECONDS - loop.time()))
            yield Request(audio=whole[begin : begin + frame_bytes])
            if over.is_set():
                break
        played.ended = loop.time()
        yield Request(end_utterance=asr_pb2.EndUtterance())

    async for response in caller.stream(send()):
        now = loop.time()
        match response.WhichOneof("result"):
            case "utterance_started":
                played.starts += 1
            case "partial":
                played.partials.append((now, response.partial))
            case "final":
                played.finals.append((now, response.final))
            case _:
                evidence = response.evidence
                behind = _seconds(evidence.end_offset) - seconds
                if min(_seconds(evidence.silence), behind) >= _END_SILENCE_SECONDS:
                    over.set()
    return played


async def english(caller: AsrCaller, chosen: Sequence[Clip], streams: int) -> dict[str, object]:
    """Error rates, delays and stability, at 16 kHz and through the telephone."""
    references = [_tokens(clip.transcript, capitals_spell=False) for clip in chosen]
    figures: dict[str, object] = {"clips": len(chosen), "streams": streams}
    for name, narrow in (("16khz", False), ("8khz_mulaw", True)):
        whole = [await _whole(caller, clip, narrow) for clip in chosen]
        places = asyncio.Semaphore(streams)

        async def one(clip: Clip, narrow: bool = narrow, places: asyncio.Semaphore = places) -> Played:
            async with places:
                return await _play_clip(caller, clip, narrow)

        played = await asyncio.gather(*(one(clip) for clip in chosen))
        figures[name] = {
            "wer_percent_streaming": percent(references, [_tokens(one.transcript) for one in played]),
            "wer_percent_whole": percent(references, [_tokens(text) for text in whole]),
            "clips_that_differ": sum(
                _tokens(one.transcript) != _tokens(text) for one, text in zip(played, whole, strict=True)
            ),
            **_delays(played),
            **_stability(played),
        }
    return figures


async def wordless(caller: AsrCaller) -> dict[str, object]:
    """Words on sounds in which nobody speaks."""
    words: dict[str, int] = {}
    starts = in_partials = 0
    for name, seed, level in itertools.product(sounds.SOUNDS, _SEEDS, _LEVELS_DB):
        audio = _linear16(sounds.make(name, seed, _SOUND_SECONDS, level))
        played = await _play_sound(caller, audio, real_time=False)
        if played.starts:
            played = await _play_sound(caller, audio, real_time=True)
        starts += played.starts
        words[name] = words.get(name, 0) + sum(len(final.words) for _, final in played.finals)
        in_partials += max((len(partial.words) for _, partial in played.partials), default=0)
    return {
        "minutes": len(words) * len(_SEEDS) * len(_LEVELS_DB) * _SOUND_SECONDS / 60,
        "utterances_started": starts,
        "words_in_finals": sum(words.values()),
        "words_in_partials": in_partials,
        "words_by_sound": words,
    }


async def _whole(caller: AsrCaller, clip: Clip, narrow: bool) -> str:
    audio, config = (
        telephone(clip.samples) if narrow else (clip.path.read_bytes(), asr_pb2.RecognitionConfig())
    )
    config.language_code = "en"
    return (await caller.recognize(audio, config)).transcript


async def _play_clip(caller: AsrCaller, clip: Clip, narrow: bool) -> Played:
    config = asr_pb2.StreamingRecognitionConfig(language_code="en", client_ends_utterances=True)
    if narrow:
        audio, _ = telephone(clip.samples)
        config.encoding, config.sample_rate_hertz = asr_pb2.AUDIO_ENCODING_MULAW, 8_000
    else:
        audio = _linear16(clip.samples)
        config.encoding, config.sample_rate_hertz = asr_pb2.AUDIO_ENCODING_LINEAR16, SAMPLE_RATE
    rate = 8_000 if narrow else 2 * SAMPLE_RATE
    return await play(caller, audio, config, bytes_a_second=rate, seconds=clip.seconds, real_time=True)


async def _play_sound(caller: AsrCaller, audio: bytes, *, real_time: bool) -> Played:
    config = asr_pb2.StreamingRecognitionConfig(
        encoding=asr_pb2.AUDIO_ENCODING_LINEAR16, sample_rate_hertz=SAMPLE_RATE, language_code="en"
    )
    rate = 2 * SAMPLE_RATE
    return await play(caller, audio, config, bytes_a_second=rate, seconds=_SOUND_SECONDS, real_time=real_time)


def _delays(played: Sequence[Played]) -> dict[str, object]:
    first, settled, final = [], [], []
    for one in played:
        with_words = [at for at, partial in one.partials if partial.words]
        if not one.finals:
            continue
        at, last = one.finals[-1]
        if with_words:
            first.append(with_words[0] - one.began - _seconds(one.finals[0][1].start_offset))
        ready = [time for time, partial in one.partials if partial.settled]
        if ready:
            settled.append(ready[-1] - one.began - _seconds(last.end_offset))
        final.append(at - (one.ended or at))
    return {
        "first_partial_after_start_ms": milliseconds(first),
        "settled_after_end_ms": milliseconds(settled),
        "final_after_end_utterance_ms": milliseconds(final),
    }


def _stability(played: Sequence[Played]) -> dict[str, object]:
    changed = told = kept = stable = words = partials = 0
    for one in played:
        if len(one.finals) != 1:
            continue
        final = [word.word for word in one.finals[0][1].words]
        before = [partial for _, partial in one.partials if not partial.settled]
        for partial in before:
            shown = [word.word for word in partial.words]
            changed += shown[: partial.stable_word_count] != final[: partial.stable_word_count]
            told += len(shown)
            kept += sum(a == b for a, b in zip(shown, final, strict=False))
        stable += max((partial.stable_word_count for partial in before), default=0)
        words += len(final)
        partials += len(before)
    return {
        "stable_words_changed": changed,
        "partials_a_clip": round(partials / max(1, len(played)), 2),
        "final_words_stable_before_the_pause": round(stable / max(1, words), 3),
        "partial_words_kept": round(kept / max(1, told), 3),
    }


def _tokens(transcript: str, *, capitals_spell: bool = True) -> str:
    return " ".join(spoken.english_tokens(transcript, capitals_spell=capitals_spell))


def _linear16(samples: NDArray[np.float32]) -> bytes:
    return bytes(np.round(np.clip(samples, -1, 1) * 32_767).astype("<i2").tobytes())


def _seconds(duration: Duration) -> float:
    return float(duration.seconds + duration.nanos / 1e9)


async def evaluate(
    data: Path,
    repository: Path,
    vad_model: Path,
    log_file: Path,
    *,
    limit: int | None,
    streams: int,
    noise: bool,
) -> dict[str, object]:
    """All figures; see the module."""
    chosen = list(itertools.islice(clips(data / "an4_speech"), limit))
    with local_triton(repository, log_file) as local:
        triton = TritonClient(local.url)
        try:
            async with asr_service(triton, vad_model) as caller:
                load = round(os.getloadavg()[0], 2)
                figures: dict[str, object] = {
                    "machine": {"cpus": os.cpu_count(), "load_before": load},
                }
                if chosen:
                    figures["an4_speech"] = await english(caller, chosen, streams)
                if noise:
                    figures["no_speech"] = await wordless(caller)
        finally:
            await triton.close()
    return figures


def main() -> None:
    """Measure, print and write the figures."""
    parser = argparse.ArgumentParser(prog="python -m training.evaluate.streaming_asr")
    parser.add_argument(
        "--data",
        type=Path,
        default=Path(os.environ.get("FRONTDESK_DATA", "../shared/data")),
        help="folder of an4_speech",
    )
    parser.add_argument("--repository", type=Path, default=Path("build/model_repository"))
    parser.add_argument("--vad", type=Path, default=AsrSettings.model_fields["vad_model"].default)
    parser.add_argument("--limit", type=int, help="so many clips; default: all")
    parser.add_argument("--streams", type=int, default=1, help="clips that are played at the same time")
    parser.add_argument("--noise", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--out", type=Path, default=Path("build/bench/streaming_asr.json"))
    arguments = parser.parse_args()
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    configure_logging(AsrSettings(log_level="warning"))
    figures = asyncio.run(
        evaluate(
            arguments.data,
            arguments.repository,
            arguments.vad,
            arguments.out.with_suffix(".triton.log"),
            limit=arguments.limit,
            streams=arguments.streams,
            noise=arguments.noise,
        )
    )
    text = json.dumps(figures, indent=2)
    arguments.out.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()

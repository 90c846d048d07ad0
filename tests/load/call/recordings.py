"""The customers of the benchmark, all at 16 kHz.

Nobody has recorded people who ask a shop: real voices are AN4's (commands, and two clips of one speaker
joined), the shop's questions are spoken by another voice than Frontdesk's. Each report says which is which.
"""

import csv
import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
import soundfile
import yaml
from numpy.typing import NDArray

from tests.harness.suite import ROOT
from tests.load.call.measuring import voiced

SAMPLE_RATE = 16_000
CUSTOMER_VOICE = "am_michael"
_COMMANDS = {"YES", "NO", "HELP", "STOP", "REPEAT", "START", "GO"}
_INNER_PAUSE = (0.2, 0.5)
"""Seconds, the range in which a pause inside a turn and one behind it are to be told apart."""
_LEAD_SECONDS = 0.3
_SEED = 5
_MOST_PAIR_SECONDS = 6.0
_INSIDE = re.compile(r"[.?!] ")
_TWO_SENTENCES = (
    ("I live in Anchorage.", "Will you ship to me, and is it extra?"),
    ("My aunt got me a speaker that I already own.", "Can I send it back?"),
    ("My kettle came with a dent.", "What do I have to do now?"),
    ("I paid twice for the same order.", "When do I get my money back?"),
    ("Hello, I ordered a tablet this morning.", "Can I still change the address?"),
    ("The driver was here while I was at work.", "How do I get my parcel?"),
    ("My watch does not charge any more.", "Is that covered by the warranty?"),
    ("I have lost my password.", "How do I get into my account?"),
    ("The lamp on my router is red.", "What does that mean?"),
    ("I would like to pay in parts.", "Do you offer that?"),
    ("Good morning.", "Do I need the receipt for the guarantee?"),
    ("We need forty headsets for the office.", "Is there a discount?"),
)

Samples = NDArray[np.int16]
Synthesize = Callable[[str], Samples]
"""Words → their sound in the customer's voice."""


class Kind(StrEnum):
    """Who speaks, and how."""

    COMMAND = "command"
    """A real voice, one word."""
    QUESTION = "question"
    """A synthetic voice, one sentence."""
    TWO_SENTENCES = "two_sentences"
    """A synthetic voice, a question with a pause of 0.2 to 0.5 s in it."""
    REAL_PAIR = "real_pair"
    """A real voice, two clips with such a pause; numbers and letters, so that only cut-offs are counted."""


@dataclass(frozen=True, slots=True)
class Recording:
    """What one customer says, from 0.3 s of silence to the last word."""

    name: str
    kind: Kind
    words: str
    samples: Samples

    @property
    def seconds(self) -> float:
        """Its length."""
        return len(self.samples) / SAMPLE_RATE


def commands(data: Path, count: int) -> list[Recording]:
    """Real one-word turns, each of another speaker; ``data`` has AN4 as the folder an4_speech."""
    found: dict[str, Recording] = {}
    for speaker, transcript, samples in _clips(data):
        if transcript in _COMMANDS and speaker not in found:
            name = f"command-{speaker}"
            found[speaker] = Recording(name, Kind.COMMAND, transcript.lower(), _led(samples))
    return list(found.values())[:count]


def interruptions(data: Path, count: int) -> list[Recording]:
    """Real speech to interrupt with: no bare yes or no, which may only agree; each of another speaker."""
    found: dict[str, Recording] = {}
    for speaker, transcript, samples in _clips(data):
        if transcript not in {"YES", "NO"} and speaker not in found:
            found[speaker] = Recording(f"interruption-{speaker}", Kind.COMMAND, transcript.lower(), samples)
    return list(found.values())[:count]


def real_pairs(data: Path, count: int) -> list[Recording]:
    """Both clips of a speaker with a drawn pause between them, as one turn."""
    random = np.random.default_rng(_SEED)
    by_speaker: dict[str, list[tuple[str, Samples]]] = {}
    for speaker, transcript, samples in _clips(data):
        by_speaker.setdefault(speaker, []).append((transcript, samples))
    pairs = [
        (speaker, clips)
        for speaker, clips in by_speaker.items()
        if len(clips) == 2 and sum(len(samples) for _, samples in clips) <= _MOST_PAIR_SECONDS * SAMPLE_RATE
    ]
    chosen = random.choice(len(pairs), count, replace=False)
    return [
        Recording(
            f"pair-{speaker}",
            Kind.REAL_PAIR,
            " ".join(transcript.lower() for transcript, _ in clips),
            joined([samples for _, samples in clips], random),
        )
        for speaker, clips in (pairs[index] for index in sorted(chosen))
    ]


def questions(synthesize: Synthesize, count: int) -> list[Recording]:
    """Questions of the shop's evaluation, each about another passage."""
    return [
        Recording(f"question-{index}", Kind.QUESTION, text, _led(synthesize(text)))
        for index, text in enumerate(_questions()[:count])
    ]


def two_sentences(synthesize: Synthesize, count: int) -> list[Recording]:
    """What is asked in two sentences, spoken apart and joined with a drawn pause."""
    random = np.random.default_rng(_SEED)
    return [
        Recording(
            f"two-{index}",
            Kind.TWO_SENTENCES,
            " ".join(texts),
            joined([synthesize(text) for text in texts], random),
        )
        for index, texts in enumerate(_TWO_SENTENCES[:count])
    ]


def joined(parts: Sequence[Samples], random: np.random.Generator) -> Samples:
    """The parts' speech with a drawn pause between each two: their own silence at the seam is cut first."""
    pieces = [np.zeros(int(_LEAD_SECONDS * SAMPLE_RATE), np.int16)]
    for index, part in enumerate(parts):
        if index:
            pieces.append(np.zeros(int(random.uniform(*_INNER_PAUSE) * SAMPLE_RATE), np.int16))
        pieces.append(_trimmed(part))
    return np.concatenate(pieces)


class SpokenCache:
    """What was synthesised once is read from files, by its words and voice."""

    def __init__(self, folder: Path, synthesize: Synthesize) -> None:
        self._folder, self._synthesize = folder, synthesize

    def __call__(self, text: str) -> Samples:
        """The words' sound."""
        digest = hashlib.sha256(f"{CUSTOMER_VOICE} {text}".encode()).hexdigest()[:16]
        path = self._folder / f"{digest}.wav"
        if not path.is_file():
            self._folder.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, self._synthesize(text), SAMPLE_RATE, subtype="PCM_16")
        samples: Samples = soundfile.read(path, dtype="int16")[0]
        return samples


def _clips(data: Path) -> Iterator[tuple[str, str, Samples]]:
    folder = data / "an4_speech"
    with (folder / "metadata.tsv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            samples, rate = soundfile.read(folder / row["path"], dtype="int16")
            if rate != SAMPLE_RATE:
                raise ValueError(f"{folder / row['path']} has {rate} Hz, not {SAMPLE_RATE}")
            yield row["speaker"], row["transcript"], samples


def _questions() -> list[str]:
    rows = yaml.safe_load((ROOT / "domains/shop/evaluation.yaml").read_text(encoding="utf-8"))["questions"]
    return [
        row["question"]
        for row in rows
        if row["language"] == "en" and row.get("passage") and not _INSIDE.search(row["question"])
    ]


def _led(samples: Samples) -> Samples:
    return np.concatenate([np.zeros(int(_LEAD_SECONDS * SAMPLE_RATE), np.int16), samples])


def _trimmed(samples: Samples) -> Samples:
    """From the first to the last stretch that is voiced, and 30 ms around it."""
    stretches = voiced(samples.astype(np.float32) / 32768, SAMPLE_RATE)
    start = max(0, int((stretches[0].start - 0.03) * SAMPLE_RATE))
    return samples[start : int((stretches[-1].end + 0.03) * SAMPLE_RATE)]

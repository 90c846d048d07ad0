"""Questions with the passages that answer them: a company's own, and public ones."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from services.dialogue.domain.types import Domain
from services.dialogue.retrieval import SearchPassage
from training.data.examples import DataError
from training.text.passages import search_passages

Split = Literal["train", "validation", "test"]

_VALIDATION: Final = 0.1
"""Share of the training questions that choose; of one article, intent or flow all or none."""
_CHUNK: Final = 240
"""Characters of a Mandarin article's passage, about as many as a company's passages have."""
_SENTENCE: Final = re.compile(r"[^。！？；]*[。！？；]?")


@dataclass(frozen=True, slots=True)
class Question:
    """``answers`` are places of ``Corpus.passages`` of which each answers it; at least one."""

    text: str
    language: str
    answers: frozenset[int]
    split: Split


@dataclass(frozen=True, slots=True)
class Corpus:
    """Passages of one source, and questions that are asked of all of them in their language."""

    name: str
    passages: tuple[SearchPassage, ...]
    questions: tuple[Question, ...]

    def of(self, split: Split) -> list[Question]:
        """Give the questions of a split."""
        return [question for question in self.questions if question.split == split]


def domain_corpus(domain: Domain, seed: int = 0) -> Corpus:
    """Give a company's corpus: an utterance is answered by each of its intent's passages.

    Held-out questions of ``evaluation.yaml``, each with its one passage, are the test.
    """
    passages = search_passages(domain)
    places = {(passage.language, passage.id): place for place, passage in enumerate(passages)}
    rng = np.random.default_rng([80, seed])
    questions = []
    for intent in domain.intents:
        texts = [(text, language) for language in domain.languages for text in intent.examples[language]]
        kept_back = rng.random(len(texts)) < _VALIDATION
        for (text, language), back in zip(texts, kept_back, strict=True):
            answers = frozenset(places[language, passage] for passage in intent.passages)
            if answers:
                questions.append(Question(text, language, answers, "validation" if back else "train"))
    for asked in domain.evaluation:
        if asked.passage:
            answers = frozenset({places[asked.language, asked.passage]})
            questions.append(Question(asked.question, asked.language, answers, "test"))
    return Corpus(domain.name, tuple(passages), tuple(questions))


def cmrc2018(data: Path, seed: int = 0) -> Corpus:
    """Read CMRC 2018 (Cui et al., EMNLP 2019): Mandarin questions about encyclopedia articles.

    Articles are cut into passages at sentences; that which has the answer is right. Articles
    of ``dev`` train and choose, those of ``trial`` test.

    Raises:
        DataError: a file is missing or not in its form.
    """
    folder = data / "cmrc2018" / "squad-style-data"
    rng = np.random.default_rng([81, seed])
    passages: list[SearchPassage] = []
    questions: list[Question] = []
    for name in ("dev", "trial"):
        file = folder / f"cmrc2018_{name}.json"
        try:
            articles = json.loads(_read(file))["data"]
            for article in articles:
                split: Split = "test"
                if name == "dev":
                    split = "validation" if rng.random() < _VALIDATION else "train"
                for paragraph in article["paragraphs"]:
                    _cut(paragraph, str(article["title"]), split, passages, questions)
        except (KeyError, TypeError, IndexError, ValueError) as error:
            raise DataError(f"{file}: is not in SQuAD's form: {error!r}") from error
    return Corpus("cmrc2018", tuple(passages), tuple(questions))


def abcd(data: Path, seed: int = 0) -> Corpus:
    """Read ABCD's guidelines (Chen et al., NAACL 2021): what an agent looks up, and how it is done.

    The question is the name of a case with its kind, the passage what is to be done, which
    does not name it. There are too few to test on.

    Raises:
        DataError: the file is missing or not in its form.
    """
    file = data / "abcd_kb" / "data" / "guidelines.json"
    rng = np.random.default_rng([82, seed])
    passages: list[SearchPassage] = []
    questions: list[Question] = []
    try:
        flows: Mapping[str, Any] = json.loads(_read(file))
        for flow in flows.values():
            for case, told in flow["subflows"].items():
                lines = [*told["instructions"][:1], *_steps(told["actions"])]
                place = len(passages)
                passages.append(SearchPassage(f"abcd-{place}", "en", "", " ".join(lines), "", "abcd"))
                split: Split = "validation" if rng.random() < _VALIDATION else "train"
                questions.append(Question(f"{case}: {flow['description']}", "en", frozenset({place}), split))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise DataError(f"{file}: is not in ABCD's form: {error!r}") from error
    return Corpus("abcd_kb", tuple(passages), tuple(questions))


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file}: cannot be read: {error}") from error


def _steps(actions: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for action in actions:
        yield re.sub(r"[\[\]]", "", str(action["text"]))
        yield from (re.sub(r"[\[\]]", "", str(text)) for text in action["subtext"])


def _cut(
    paragraph: Mapping[str, Any],
    title: str,
    split: Split,
    passages: list[SearchPassage],
    questions: list[Question],
) -> None:
    """Add an article's passages and questions; a question whose answer stands in none is left out."""
    chunks = chunked(paragraph["context"])
    first = len(passages)
    passages += [
        SearchPassage(f"{paragraph['id']}-{number}", "zh", title, chunk, "", "cmrc2018")
        for number, chunk in enumerate(chunks)
    ]
    ends = list(accumulate(len(chunk) for chunk in chunks))
    for asked in paragraph["qas"]:
        # Where the answer is marked, and wherever else in the article its words stand.
        right = {
            first + next(place for place, end in enumerate(ends) if answer["answer_start"] < end)
            for answer in asked["answers"]
            if 0 <= answer["answer_start"] < ends[-1]
        }
        words = {answer["text"] for answer in asked["answers"]}
        right |= {first + at for at, chunk in enumerate(chunks) if any(text in chunk for text in words)}
        if right:
            questions.append(Question(str(asked["question"]), "zh", frozenset(right), split))


def chunked(text: str, most: int = _CHUNK) -> list[str]:
    """Cut a text into pieces of whole sentences, of ``most`` characters where sentences allow.

    Joined, they are the text. An empty one gives none.
    """
    pieces: list[str] = []
    for sentence in _SENTENCE.findall(text):
        if not sentence:
            continue
        if pieces and len(pieces[-1]) + len(sentence) <= most:
            pieces[-1] += sentence
        else:
            pieces.append(sentence)
    return pieces

"""``python -m training.evaluate.dialogue``: how a domain's held-out questions are answered.

Runs the exported models and the service's own decisions, without servers. The
questions (``evaluation.yaml``) are used for nothing else.
"""

import asyncio
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, cast

import numpy as np
import onnxruntime
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from services.dialogue.customer_input import CustomerInput
from services.dialogue.domain.loader import load_domain
from services.dialogue.domain.types import Domain, EvaluationQuestion
from services.dialogue.events import Citation, Completed, Understood
from services.dialogue.fusion_client import TritonFusionModel
from services.dialogue.intent_client import TritonIntentModel
from services.dialogue.knowledge.words import WordSplitter
from services.dialogue.model import intent_spec, understanding_spec
from services.dialogue.policy import Decision
from services.dialogue.ports import Embeddings, Purpose
from services.dialogue.responder import Responder
from services.dialogue.retrieval import search
from services.dialogue.state import ConversationState
from services.inference.port import InferenceClient
from services.inference.spec import ModelSpec
from training.export.backends.understanding.encoder import UnderstandingEncoder
from training.export.versions import served_folder
from training.text.passages import index_passages
from training.text.vector_cache import CachedTextEncoder

OPTIONS = 3


class _Encoder:
    """A ``TextEmbedder`` on the exported encoder."""

    def __init__(self, encoder: CachedTextEncoder) -> None:
        self.encoder = encoder

    async def embed(
        self, texts: Sequence[str], purpose: Purpose, *, include_tokens: bool = False, timeout_seconds: float
    ) -> Embeddings:
        return Embeddings(self.encoder(texts, purpose), self.encoder.embedding_model)

    async def ready(self) -> bool:
        return True


class _Models:
    """What ``TritonIntentModel`` asks of Triton, and no more, on the exported models."""

    def __init__(self, repository: Path, domain: str) -> None:
        self._repository = repository
        head = served_folder(repository, intent_spec(domain).name) / "model.onnx"
        self._head = onnxruntime.InferenceSession(str(head), providers=["CPUExecutionProvider"])
        name = understanding_spec(domain).name
        self._understanding = None
        if (repository / name).is_dir():
            self._understanding = UnderstandingEncoder(served_folder(repository, name), 2)

    async def infer(
        self, spec: ModelSpec, inputs: Any, *, outputs: Any = None, timeout_seconds: float
    ) -> dict[str, NDArray[Any]]:
        if self._understanding is None or "text" not in inputs:
            return {"probabilities": self._head.run(["probabilities"], dict(inputs))[0]}
        texts = [text.decode() for text in inputs["text"][:, 0]]
        fingerprint = np.array([[self._understanding.fingerprint.encode()]] * len(texts), np.object_)
        return {"intents": self._understanding.understand(texts).intents, "fingerprint": fingerprint}

    async def parameters(self, spec: ModelSpec) -> dict[str, str]:
        folder = served_folder(self._repository, spec.name)
        return {"manifest": (folder / "manifest.json").read_text(encoding="utf-8")}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one question. ``found`` are the passages of a search, best first."""

    question: EvaluationQuestion
    intent: str
    confidence: float
    decision: Decision
    cited: str | None
    offered: tuple[str, ...]
    found: tuple[str, ...]


async def evaluate(domain: Domain, repository: Path) -> list[Outcome]:
    """Put each held-out question to the service's own code, each in a new session."""
    encoder = CachedTextEncoder.beside(repository)
    words = WordSplitter()
    index = index_passages(domain, encoder, encoder.embedding_model, words)
    models = cast(InferenceClient, _Models(repository, domain.name))
    # The questions come without pictures: nothing is fused.
    intents, fusion = TritonIntentModel(models), TritonFusionModel(models)
    responder = Responder(_Encoder(encoder), intents, fusion, words.split)
    outcomes = []
    for question in domain.evaluation:
        vector = encoder([question.question], Purpose.QUERY)[0]
        scores = index.score(question.language, vector, words.split(question.question, question.language))
        asked = CustomerInput(question.question, question.language, vector, encoder.embedding_model)
        events = [
            event
            async for event in responder.respond(asked, ConversationState(), domain, index, lambda: 60.0)
        ]
        understood, completed = events[0], events[-1]
        assert isinstance(understood, Understood)  # noqa: S101 (the responder's contract)
        assert isinstance(completed, Completed)  # noqa: S101
        outcomes.append(
            Outcome(
                question,
                understood.intents[0].label,
                understood.confidence,
                completed.decision,
                next((event.passage.id for event in events if isinstance(event, Citation)), None),
                completed.state.offered_passage_ids,
                tuple(hit.passage.id for hit in search(scores, OPTIONS)) if scores else (),
            )
        )
    return outcomes


def figures(domain: Domain, outcomes: Iterable[Outcome]) -> dict[str, Any]:
    """Count; shares from 0 to 1. ``passage`` questions have one right passage, ``intent`` ones an intent."""
    owner = {passage: intent.id for intent in domain.intents for passage in intent.passages}
    listed = list(outcomes)
    answerable = [o for o in listed if o.question.passage]
    by_intent = [o for o in listed if o.question.intent and not o.question.passage]
    uncovered = [o for o in listed if not o.question.passage and not o.question.intent]
    answered = [o for o in answerable if o.decision is Decision.ANSWER]
    asked = [o for o in answerable if o.decision is Decision.ASK_BACK]
    return {
        "questions": len(listed),
        "intent_accuracy": _share(
            o.intent == (o.question.intent or owner.get(o.question.passage or ""))
            for o in answerable + by_intent
        ),
        "hit_at_1": _share(o.question.passage in o.found[:1] for o in answerable),
        "hit_at_3": _share(o.question.passage in o.found[:OPTIONS] for o in answerable),
        "answered": _share(o.decision is Decision.ANSWER for o in answerable),
        "answers_right": _share(o.cited == o.question.passage for o in answered),
        "answers_of_the_right_intent": _share(
            owner.get(o.cited or "") == owner.get(o.question.passage or "") for o in answered
        ),
        "asked_back": _share(o.decision is Decision.ASK_BACK for o in answerable),
        "asked_back_with_the_right_option": _share(o.question.passage in o.offered for o in asked),
        "handed_over": _share(o.decision is Decision.HANDOFF for o in answerable),
        "uncovered_not_answered": _share(o.decision is not Decision.ANSWER for o in uncovered),
        "uncovered_handed_over": _share(o.decision is Decision.HANDOFF for o in uncovered),
    }


def _share(values: Iterable[bool]) -> float | None:
    listed = list(values)
    return round(float(np.mean(listed)), 4) if listed else None


def main(
    domain: Annotated[Path, typer.Option(help="The domain's folder.")] = Path("domains/shop"),
    repository: Annotated[Path, typer.Option(help="Exported models.")] = Path("build/model_repository"),
    out: Annotated[Path, typer.Option(help="Where the figures go.")] = Path(
        "build/bench/dialogue_quality.json"
    ),
) -> None:
    """Evaluate a domain's held-out questions."""
    loaded = load_domain(domain)
    outcomes = asyncio.run(evaluate(loaded, repository))
    groups = {"all": outcomes} | {
        language: [o for o in outcomes if o.question.language == language] for language in loaded.languages
    }
    found = {name: figures(loaded, group) for name, group in groups.items()}
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps({"domain_version": loaded.version, **found}, indent=2), encoding="utf-8")
    table = Table(title=f"{loaded.version}, held-out questions")
    table.add_column("")
    for name in found:
        table.add_column(name, justify="right")
    for key in found["all"]:
        table.add_row(key, *("-" if group[key] is None else f"{group[key]:g}" for group in found.values()))
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)

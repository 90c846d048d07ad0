"""Everything that can be chosen when a reranker is trained."""

from dataclasses import asdict, dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class RerankerArguments:
    """Choices with their defaults."""

    encoder: str = "multilingual-e5-small"
    """``multilingual-e5-small`` (en, zh), ``all-MiniLM-L6-v2`` (en), or any Hugging Face encoder."""
    keep_layers: int = 4
    """Only so many of the encoder's layers, from below; 0 keeps all. A pair costs three times a question,
    and a question has ten pairs."""
    freeze_layers: int = 0
    """So many layers from below stay as they are."""
    freeze_embeddings: bool = True
    """Words that training never saw keep their meaning."""
    max_tokens: int = 192
    """Of a pair; of a longer one the longer text is cut."""
    loss: Literal["listwise", "binary"] = "listwise"
    """``listwise``: cross-entropy over a question's passages, one of which is right (Nogueira and Cho,
    "Passage Re-ranking with BERT", 2019, by pairs; Gao et al., "Rethink Training of BERT Rerankers in
    Multi-Stage Retrieval Pipeline", ECIR 2021, by lists). ``binary``: of each pair alone."""
    negatives: int = 3
    """Wrong passages beside each right one."""
    hard: float = 0.8
    """Share of them that are drawn from what was found for the question, the rest at random."""
    candidates: int = 20
    """How far down hard negatives are drawn from what was found."""
    questions_per_step: int = 8
    steps: int = 300
    learning_rate: float = 1e-4
    head_rate: float = 1e-3
    weight_decay: float = 0.01
    warmup: float = 0.1
    """Share of the steps in which the rates rise; they fall linearly to 0 afterwards."""
    clip_norm: float = 1.0
    validate_every: int = 50
    """Steps between two looks at the validation questions; the best model is kept."""
    validation_questions: int = 80
    patience: int = 3
    """Stop after so many looks without a better one; 0: run to the end."""
    questions: int = 0
    """Training questions of each source at most, by chance; 0: all."""
    seed: int = 0
    threads: int = 2

    def __post_init__(self) -> None:
        """Refuse what cannot be trained with."""
        positive = (
            "max_tokens", "negatives", "candidates", "questions_per_step", "steps", "learning_rate",
            "head_rate", "validate_every", "validation_questions", "threads",
        )  # fmt: skip
        for name in positive:
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} is {getattr(self, name)}: it must be above 0")
        for name in ("hard", "warmup"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}: it must lie between 0 and 1")
        if self.loss not in ("listwise", "binary"):
            raise ValueError(f"loss is {self.loss!r}: name listwise or binary")

    @staticmethod
    def of(values: dict[str, str]) -> "RerankerArguments":
        """Make them from names and values as typed. Raises ``ValueError`` naming what is not known."""
        defaults = asdict(RerankerArguments())
        unknown = sorted(set(values) - set(defaults))
        if unknown:
            raise ValueError(f"no such argument: {', '.join(unknown)}; there are {', '.join(defaults)}")
        read: dict[str, object] = {}
        for name, value in values.items():
            kind = type(defaults[name])
            try:
                read[name] = value.lower() in ("1", "true", "yes") if kind is bool else kind(value)
            except ValueError as error:
                raise ValueError(f"{name} is {value!r}: it must be a {kind.__name__}") from error
        return RerankerArguments(**read)  # type: ignore[arg-type]

"""Everything that can be chosen when an understanding encoder is fine-tuned."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

Peft = Literal["none", "lora", "adapter", "prefix", "ia3"]


@dataclass(frozen=True, slots=True)
class UnderstandingArguments:
    """Choices with their defaults; a preset (``presets/*.toml``) names those that differ."""

    # What is fine-tuned.
    encoder: str = "all-MiniLM-L6-v2"
    """``all-MiniLM-L6-v2`` (en) or ``multilingual-e5-small`` (en, zh) from pinned weights; the
    folder of a model that was trained here, whose encoder then learns on; or any Hugging Face encoder by its
    id or folder."""
    max_tokens: int = 64
    """Longer texts are cut."""
    keep_layers: int = 0
    """Only so many of the encoder's layers, from below (layer dropping); 0 keeps all."""
    freeze_layers: int = 0
    """So many layers from below stay as they are; with 1 or more the embeddings do as well."""
    freeze_embeddings: bool = True
    """Token and position embeddings stay as they are: words that training never saw keep their meaning."""
    dropout: float = 0.1
    head_start: Literal["frozen", "random"] = "frozen"
    """``frozen``: the intent head begins as logistic regression on the frozen encoder's vectors, so that
    fine-tuning does not spoil them first (Kumar et al., "Fine-Tuning can Distort Pretrained Features and
    Underperform Out-of-Distribution", ICLR 2022)."""

    # The loop.
    seed: int = 0
    epochs: float = 5.0
    max_steps: int = 0
    """Stop after so many steps, whatever ``epochs`` says; 0: no such limit."""
    batch_size: int = 32
    learning_rate: float = 1e-4
    """Of the encoder's top layer, at its highest."""
    head_rate: float = 1e-3
    """Of the heads, at its highest."""
    layer_decay: float = 0.9
    """Each layer learns with that part of the rate of the layer above it (Howard and Ruder, 2018)."""
    weight_decay: float = 0.01
    warmup: float = 0.1
    """Share of the steps in which the rate rises; it falls linearly to 0 afterwards."""
    clip_norm: float = 1.0
    label_smoothing: float = 0.0
    average_from: float = 1.0
    """From that share of the steps on, weights are averaged over the steps, and the average is what is
    kept (Izmailov et al., "Averaging Weights Leads to Wider Optima", 2018); 1: no averaging."""
    patience: int = 0
    """Stop when validation was not better for so many epochs, and keep the best; 0: run to the end and
    keep the last."""
    learn_from_validation: bool = False
    """Train on the validation split as well, once all else was chosen on it."""
    precision: Literal["auto", "no", "bf16", "fp16"] = "auto"
    """``auto``: bf16 where the GPU has it, else full precision."""
    threads: int = 2
    """Of the processor, where there is no GPU."""
    checkpoint_every: int = 0
    """Steps between checkpoints; 0: one an epoch."""
    workers: int = 0
    """Other processes that tokenize and tag batches: worth it beside a GPU, where a step takes milliseconds;
    0: none. Changes no result."""

    # What texts are disturbed with while training.
    typos: float = 0.0
    """Share of texts with a typo in every third word."""
    asr_errors: float = 0.0
    """Share of texts that read as if they had been misheard."""

    # Ways to fine-tune (``training/understanding/methods``).
    peft: Peft = "none"
    """``none``: full fine-tuning."""
    peft_rank: int = 4
    """LoRA's r, an adapter's width, a prefix's length in tokens."""
    peft_alpha: float = 8.0
    """LoRA's product counts ``peft_alpha / peft_rank`` times."""
    contrastive_weight: float = 0.0
    """Supervised contrastive loss beside cross-entropy."""
    contrastive_temperature: float = 0.1
    contrastive_steps: int = 0
    """Steps of contrastive training alone before the head is fitted, as SetFit does; with ``epochs`` 0
    nothing else is trained."""
    contrastive_classes: int = 16
    """Intents in each batch of those steps, and texts of each:"""
    contrastive_per_class: int = 4
    prompt: str = ""
    """A template with ``{text}`` and ``{mask}``: intents are then read off the masked word."""
    masked_language_steps: int = 0
    """Steps of masked language modelling on texts without labels before fine-tuning."""
    masked_language_rate: float = 5e-5
    """The encoder's rate in those steps, at its highest."""
    language_weight: float = 0.0
    """Of masked language modelling beside the intents' loss, on the same texts."""
    self_training_rounds: int = 0
    """Students, each of which learns from what its teacher was sure of among the texts without labels."""
    self_training_epochs: float = 0.0
    """Of each student; 0: as many as ``epochs``."""
    self_training_per_label: int = 40
    """Texts of each label at most, the surest."""
    self_training_neighbours: int = 0
    """What a teacher says of a text becomes half what so many of the most similar texts say; 0: it stays."""
    confidence: float = 0.8
    """Self-training learns from texts whose label is at least that probable."""
    fgm_epsilon: float = 0.0
    """Length of the adversarial step on the embeddings; 0: none."""
    slot_weight: float = 1.0
    """Of the slots' loss beside the intents'."""
    learn_task_weights: bool = False
    """Weigh the losses by learned uncertainty instead."""
    synthetic_out_of_scope: float = 0.0
    """So many made out-of-scope vectors for each example, between two of different intents."""

    def __post_init__(self) -> None:
        """Refuse what cannot be trained with."""
        for name in (
            "dropout",
            "warmup",
            "label_smoothing",
            "average_from",
            "typos",
            "asr_errors",
            "confidence",
        ):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}: it must lie between 0 and 1")
        above = ("batch_size", "learning_rate", "head_rate", "max_tokens", "threads", "peft_rank")
        for name in (*above, "contrastive_temperature", "contrastive_classes", "contrastive_per_class"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} is {getattr(self, name)}: it must be above 0")
        for name in (
            "epochs",
            "contrastive_weight",
            "contrastive_steps",
            "masked_language_steps",
            "language_weight",
            "self_training_rounds",
            "self_training_epochs",
            "self_training_per_label",
            "self_training_neighbours",
            "fgm_epsilon",
            "slot_weight",
        ):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is {getattr(self, name)}: it must be 0 or above")
        if self.patience and self.learn_from_validation:
            raise ValueError(
                "patience watches validation, which learn_from_validation trains on: set patience to 0"
            )
        if self.prompt and not ("{text}" in self.prompt and "{mask}" in self.prompt):
            raise ValueError(f"prompt {self.prompt!r} lacks {{text}} or {{mask}}")

    @staticmethod
    def of(values: Mapping[str, Any]) -> "UnderstandingArguments":
        """Make them from names and values. Raises ``ValueError`` naming what is not known."""
        known = {field.name for field in fields(UnderstandingArguments)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise ValueError(f"no such argument: {', '.join(unknown)}; there are {', '.join(sorted(known))}")
        return UnderstandingArguments(**values)

"""Everything that can be chosen about fine-tuning speech recognition."""

from dataclasses import dataclass, field

from training.data.augmentation.sound import SoundChances, SpecAugment


@dataclass(frozen=True, slots=True)
class AsrArguments:
    """Choices, with the values that are right for some minutes of speech."""

    model: str = "asr_en"
    """Which weights are fine-tuned: ``asr_en`` (Whisper tiny.en) or ``asr_multilingual`` (base)."""
    seed: int = 0
    """Decides splits, order, every disturbance and dropout: the same seed gives the same model."""

    # What learns: low-rank matrices beside the weights (LoRA; Hu et al., ICLR 2022), merged in the end.
    lora_rank: int = 8
    lora_alpha: int = 16
    """The matrices' product counts ``lora_alpha / lora_rank`` times."""
    lora_dropout: float = 0.05
    lora_layers: tuple[str, ...] = ("q_proj", "v_proj")
    """``q_proj``, ``k_proj``, ``v_proj``, ``out_proj`` of attention; ``fc1``, ``fc2`` between."""

    # The optimizer: AdamW; the rate rises linearly, then falls by a cosine.
    epochs: int = 10
    """The most; see ``patience``."""
    batch: int = 8
    """Clips that are heard before the weights change."""
    learning_rate: float = 1e-3
    """The highest."""
    warm_up: float = 0.1
    """Share of the steps in which it rises."""
    weight_decay: float = 0.01
    most_gradient: float = 1.0
    """Norm to which longer gradients are cut."""
    label_smoothing: float = 0.0
    patience: int = 3
    """Epochs without a better validation after which training stops; the best epoch's weights are kept."""

    # What is held out, of data that come without splits: of each, whole speakers.
    validation: float = 0.15
    test: float = 0.25

    # What a clip is made to sound like in training; validation and test hear it as it is.
    padding_seconds: tuple[float, float] = (2.0, 8.0)
    """Silence after the clip, in this range. Serving gives 8 s, since Whisper breaks into loops with less."""
    chances: SoundChances = field(default_factory=lambda: SoundChances(telephone=0.5, noise=0.3))
    """How often a clip goes through a telephone, and has noise under it."""
    masks: SpecAugment = field(default_factory=lambda: SpecAugment(band=0.15, span=0.1))
    """Of the log-mels, over the clip alone: what follows it is silent."""

    threads: int = 1
    """Cores; as many sums in another order may give a slightly other model."""
    workers: int = 0
    """Processes that prepare clips meanwhile."""

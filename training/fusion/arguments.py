"""Everything that can be chosen about a fusion model and its training."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FusionArguments:
    """Choices, with the values that ``domains/shop`` was trained with."""

    seed: int = 0
    """Decides weights, order and every variant: the same seed gives the same model."""

    # The network.
    width: int = 128
    """Of every token inside; a multiple of ``heads``."""
    layers: int = 2
    heads: int = 4
    feedforward: int = 256
    dropout: float = 0.1

    # The loss: L = text_weight * L_text + audio_weight * L_audio + image_weight * L_image.
    text_weight: float = 1.0
    """Counts intents, and passages found by words with or without a picture."""
    audio_weight: float = 0.2
    """Counts hidden acoustic frames that are told from what is around them."""
    image_weight: float = 1.0
    """Counts product, kind and picture, and pictures and passages that find each other."""

    # The optimizer: AdamW, the rate rising and falling once (Smith and Topin, 2018).
    steps: int = 450
    learning_rate: float = 1.5e-3
    """At its highest."""
    own_rate: float = 0.2
    """What part of it those weights learn with that begin with what a modality says alone."""
    weight_decay: float = 0.05
    utterances_per_step: int = 48
    showings_per_step: int = 32
    pictures_per_step: int = 20
    sounds_per_step: int = 8

    # What an example is made of.
    variants: int = 32
    """Variants (light, angle, crop, blur, JPEG) of each drawn picture; each photograph is taken twice."""
    readings: int = 6
    """Ways in which the words of a picture are misread."""
    negatives: int = 200
    """Pictures that belong to nothing: noise, gradients, photographs of other things."""
    drop_words: float = 0.5
    """Share of shown pictures whose words are left out, so that appearance alone can decide."""
    drop_picture: float = 0.15
    """Share of those with words whose appearance is left out, so that words alone can decide."""
    drop_tokens: float = 0.4
    """Share of texts that come as their sentence vector alone."""
    disturb: float = 0.6
    """Share of questions about pictures that are moved some way towards an utterance about something else."""
    drop_regions: float = 0.1
    """Share of a picture's regions that are left out."""
    add_frames: float = 0.3
    """Share of turns that come with sound that says nothing about them: it must not disturb."""
    hidden_frames: float = 0.3
    """Share of frames that are hidden and told from the rest."""

    # What is kept back to weigh evidence and choose thresholds.
    held_out: float = 0.2
    """Share of the questions of ``showing.yaml``."""

    threads: int = 1

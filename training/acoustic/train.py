"""``python -m training.acoustic.train --data DIR --out DIR``: trains the acoustic encoder and exports it.

Self-supervised, by masked reconstruction: spans of the log-mel spectrogram are hidden, and the encoder's
frames must tell them (Liu et al., "Mockingjay", ICASSP 2020; Baevski et al., "wav2vec 2.0", NeurIPS 2020;
He et al., "Masked Autoencoders", CVPR 2022). No label is used. The same arguments give the same model on the
same machine.
"""

import argparse
import dataclasses
import json
import math
import os
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from training.acoustic.augment import Chances, Examples
from training.acoustic.clips import read_clips
from training.acoustic.encoder import Decoder, Encoder, Sizes
from training.acoustic.export import export
from training.acoustic.masking import Masking

_STANDARD_EXAMPLES = 64
_WHITENED_EXAMPLES = 128
_JUDGED_EXAMPLES = 32


@dataclass(frozen=True, slots=True)
class AcousticArguments:
    """All that decides what the encoder becomes."""

    seed: int = 0
    """Of weights, examples and masks."""
    steps: int = 2200
    """Batches that it is trained on."""
    batch_seconds: float = 25.6
    """Audio in a batch, in examples of one of"""
    lengths: tuple[float, ...] = (1.6, 3.2, 6.4)
    """these lengths, in seconds."""
    learning_rate: float = 1.5e-3
    """The highest, of AdamW: it rises in the first 5 % of steps and falls by a cosine."""
    weight_decay: float = 0.01
    dropout: float = 0.1
    visible_weight: float = 0.5
    """Of the loss where nothing was hidden: serving hides nothing."""
    sizes: Sizes = field(default_factory=Sizes)
    masking: Masking = field(default_factory=Masking)
    chances: Chances = field(default_factory=Chances)


def train(data: Path, arguments: AcousticArguments) -> tuple[Encoder, dict[str, float]]:
    """Train on the recordings under ``data``; give the encoder and its figures on held-out recordings."""
    torch.manual_seed(arguments.seed)
    random = np.random.default_rng(arguments.seed)
    clips = read_clips(data)
    examples = Examples([clip for clip in clips if not clip.held_out], arguments.chances, random)

    encoder = Encoder(arguments.sizes, arguments.dropout)
    decoder = Decoder()

    # Each mel band gets mean 0 and deviation 1 over what training hears.
    with torch.no_grad():
        heard = encoder.front_end.log_mel(_batch(examples, _STANDARD_EXAMPLES, max(arguments.lengths)))
        encoder.front_end.mean.copy_(heard.mean(dim=(0, 1)))
        encoder.front_end.scale.copy_(heard.std(dim=(0, 1)))

    parameters = [*encoder.parameters(), *decoder.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=arguments.learning_rate, weight_decay=arguments.weight_decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step / arguments.steps))
    began = time.monotonic()
    hidden_losses = []
    for step in range(1, arguments.steps + 1):
        seconds = float(random.choice(arguments.lengths))
        with torch.no_grad():
            spectra = encoder.front_end(_batch(examples, round(arguments.batch_seconds / seconds), seconds))
        hidden = torch.from_numpy(arguments.masking.draw(tuple(spectra.shape), random))
        hidden_loss, visible_loss = _losses(encoder, decoder, spectra, hidden)
        optimizer.zero_grad()
        (hidden_loss + arguments.visible_weight * visible_loss).backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        schedule.step()
        hidden_losses.append(hidden_loss.item())
        if step % 100 == 0:
            mean = np.mean(hidden_losses[-100:])
            print(f"step {step}: hidden {mean:.4f}, {time.monotonic() - began:.0f} s", flush=True)

    encoder.eval(), decoder.eval()
    with torch.no_grad():
        spectra = encoder.front_end(_batch(examples, _WHITENED_EXAMPLES, 3.2))
        encoder.whiten(encoder.encode(spectra).flatten(0, 1))

    # How well it tells what is hidden in recordings that it never heard, beside guessing the mean.
    random = np.random.default_rng(arguments.seed)
    unheard = Examples([clip for clip in clips if clip.held_out], arguments.chances, random)
    with torch.no_grad():
        spectra = encoder.front_end(_batch(unheard, _JUDGED_EXAMPLES, 3.2))
        hidden = torch.from_numpy(arguments.masking.draw(tuple(spectra.shape), random))
        hidden_loss, visible_loss = _losses(encoder, decoder, spectra, hidden)
        around = torch.where(hidden, 0.0, spectra).sum(dim=1) / (~hidden).sum(dim=1).clamp(min=1)
        by_mean = (spectra - around[:, None]).abs()[hidden].mean()
    return encoder, {
        "hidden_loss": round(hidden_loss.item(), 4),
        "hidden_loss_of_the_examples_mean": round(by_mean.item(), 4),
        "visible_loss": round(visible_loss.item(), 4),
    }


def _batch(examples: Examples, count: int, seconds: float) -> Tensor:
    return torch.from_numpy(np.stack([examples.draw(seconds) for _ in range(count)]))


def _losses(encoder: Encoder, decoder: Decoder, spectra: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
    """Mean absolute differences of the told spectra, where hidden and where not."""
    seen = torch.where(hidden, encoder.hidden_spectrum, spectra)
    differences = functional.l1_loss(decoder(encoder.encode(seen)), spectra, reduction="none")
    return differences[hidden].mean(), differences[~hidden].mean()


def _rate(share: float) -> float:
    """Of the learning rate, after this share of the steps."""
    return min(share / 0.05, 0.5 * (1 + math.cos(math.pi * share))) + 1e-3


def main() -> None:
    """Train, export, and say how well it went."""
    parser = argparse.ArgumentParser(prog="python -m training.acoustic.train")
    default_data = Path(os.environ.get("FRONTDESK_DATA", "../shared/data"))
    parser.add_argument("--data", type=Path, default=default_data, help="folder of the recordings' data sets")
    parser.add_argument("--out", type=Path, required=True, help="folder of model.onnx and manifest.json")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=2200)
    options = parser.parse_args()
    torch.set_num_threads(1)  # the same sums in the same order
    arguments = AcousticArguments(seed=options.seed, steps=options.steps)
    encoder, figures = train(options.data, arguments)
    report = {"arguments": dataclasses.asdict(arguments), "held_out": figures}
    print(json.dumps(export(encoder, options.out, report)["parity"]), json.dumps(figures))


if __name__ == "__main__":
    main()

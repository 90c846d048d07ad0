"""The network that fuses words, pictures, the words in them, and sound.

Rows of every modality become tokens of one width. A Transformer lets all of them
and one token of its own (CLS) see each other; what CLS has gathered, beside each
modality's own vector of the whole, tells intents, products, kinds of pictures and
pictures, and gives the joint vector in which questions, pictures and passages are
compared.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from services.dialogue.fused import FRAME_ROWS
from services.dialogue.model import EMBEDDING_WIDTH, FRAME_WIDTH, JOINT_WIDTH, REGION_WIDTH
from training.fusion.arguments import FusionArguments
from training.fusion.exported import PICTURE_ROWS

LARGEST_SCALE: Final = 50.0
"""Of similarities, which are the joint vectors' cosines; 1 / temperature."""


@dataclass(frozen=True, slots=True)
class LabelCounts:
    """How many labels each head tells apart; the last of all but intents is "other"."""

    intents: int
    products: int
    kinds: int
    pictures: int


@dataclass(frozen=True, slots=True)
class Fused:
    """What the network says. Logits ``[n, labels]``; ``joint`` ``[n, 128]``, L2-normalized.

    ``frames`` ``[n, F, 64]`` are the frames as told from everything, standardized.
    """

    intents: Tensor
    products: Tensor
    kinds: Tensor
    pictures: Tensor
    joint: Tensor
    frames: Tensor


class Standardize(nn.Module):
    """Brings vectors ``[..., width]`` to mean 0 and deviation 1 by figures that were measured before."""

    mean: Tensor
    scale: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("scale", torch.ones(width))

    def measure(self, vectors: Tensor) -> None:
        """Take the figures of ``vectors`` ``[n, width]``, n at least 2."""
        self.mean.copy_(vectors.mean(dim=0))
        self.scale.copy_(vectors.std(dim=0).clamp_min(1e-3))

    def forward(self, vectors: Tensor) -> Tensor:
        """Standardize."""
        standardized: Tensor = (vectors - self.mean) / self.scale
        return standardized


class Tokens(nn.Module):
    """Makes rows ``[n, length, width]`` of a modality to tokens ``[n, length, inside]``."""

    def __init__(self, width: int, inside: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.project = nn.Linear(width, inside)
        self.kind = nn.Parameter(torch.randn(inside) * 0.02)

    def forward(self, rows: Tensor) -> Tensor:
        """Project, and say what kind of token each is."""
        tokens: Tensor = self.project(self.norm(rows)) + self.kind
        return tokens


class FusionModel(nn.Module):
    """See the module. Any modality may be masked whole: CLS is always there."""

    def __init__(self, counts: LabelCounts, arguments: FusionArguments) -> None:
        super().__init__()
        inside = arguments.width
        self.text = Tokens(EMBEDDING_WIDTH, inside)
        self.regions = Tokens(REGION_WIDTH, inside)
        self.words = Tokens(EMBEDDING_WIDTH, inside)
        self.frames = Tokens(FRAME_WIDTH, inside)
        self.of_text = Standardize(EMBEDDING_WIDTH)
        self.of_picture = Standardize(REGION_WIDTH)
        self.of_frame = Standardize(FRAME_WIDTH)
        self.cls = nn.Parameter(torch.randn(inside) * 0.02)
        self.first = nn.Parameter(torch.randn(inside) * 0.02)
        """Marks the vector of a whole text."""
        self.passage = nn.Parameter(torch.randn(inside) * 0.02)
        self.place = nn.Parameter(torch.randn(PICTURE_ROWS, inside) * 0.02)
        self.time = nn.Parameter(torch.randn(FRAME_ROWS, inside) * 0.02)
        self.hidden_frame = nn.Parameter(torch.randn(inside) * 0.02)
        layer = nn.TransformerEncoderLayer(
            inside,
            arguments.heads,
            arguments.feedforward,
            arguments.dropout,
            activation="gelu",
            batch_first=True,
            norm_first=True,
        )
        self.transformer = nn.TransformerEncoder(
            layer, arguments.layers, nn.LayerNorm(inside), enable_nested_tensor=False
        )
        self.dropout = nn.Dropout(arguments.dropout)
        self.gathered_width = inside
        evidence = inside + 2 * EMBEDDING_WIDTH + REGION_WIDTH
        self.intents = _head(evidence, counts.intents, inside)
        self.products = _head(evidence, counts.products, inside)
        self.kinds = _head(evidence, counts.kinds, inside)
        self.pictures = _head(evidence, counts.pictures, inside)
        self.joint = _head(evidence, JOINT_WIDTH, inside)
        self.tell_frames = nn.Linear(inside, FRAME_WIDTH)
        self.log_scale = nn.Parameter(torch.tensor(1.0 / 0.07).log())

    @property
    def scale(self) -> Tensor:
        """What cosines of joint vectors are multiplied by, a scalar."""
        return self.log_scale.exp().clamp_max(LARGEST_SCALE)

    def forward(self, inputs: Mapping[str, Tensor], hidden: Tensor | None = None) -> Fused:
        """Fuse a batch as ``services.dialogue.fused.fusion_inputs`` makes it.

        ``hidden`` bool ``[n, F]`` marks frames that the network is not shown.
        """
        text, text_mask = inputs["text_tokens"], inputs["text_mask"]
        regions, region_mask = inputs["regions"], inputs["region_mask"]
        words, word_mask = inputs["word_tokens"], inputs["word_mask"]
        frames, frame_mask = inputs["frames"], inputs["frame_mask"]
        is_passage = inputs["is_passage"]

        # Tokens of all modalities, one after the other.
        text_tokens = self.text(text) + is_passage[:, :, None] * self.passage
        text_tokens = text_tokens + _is_first(text)[None, :, None] * self.first
        word_tokens = self.words(words) + _is_first(words)[None, :, None] * self.first
        within = torch.arange(regions.shape[1], device=regions.device) % PICTURE_ROWS
        region_tokens = self.regions(regions) + self.place[within]
        standard_frames = self.of_frame(frames)
        frame_tokens = self.frames(standard_frames)
        if hidden is not None:
            frame_tokens = torch.where(hidden[:, :, None], self.hidden_frame, frame_tokens)
        at = torch.arange(frames.shape[1], device=frames.device).clamp_max(FRAME_ROWS - 1)
        frame_tokens = frame_tokens + self.time[at]
        cls = self.cls.expand(text.shape[0], 1, -1)
        tokens = torch.cat([cls, text_tokens, region_tokens, word_tokens, frame_tokens], dim=1)
        shown = torch.cat([torch.ones_like(is_passage), text_mask, region_mask, word_mask, frame_mask], dim=1)

        # All see each other; padding is seen by none.
        seen = self.transformer(self.dropout(tokens), src_key_padding_mask=shown < 0.5)

        # The whole of each modality stands beside what was gathered: alone, it decides as well as it can.
        pooled_rows = region_mask * (within == PICTURE_ROWS - 1).to(region_mask.dtype)
        pictures = pooled_rows.sum(dim=1, keepdim=True)
        pooled = (regions * pooled_rows[:, :, None]).sum(dim=1) / pictures.clamp_min(1.0)
        evidence = torch.cat(
            [
                self.dropout(seen[:, 0]),
                self.of_text(text[:, 0]) * text_mask[:, :1],
                self.of_text(words[:, 0]) * word_mask[:, :1],
                self.of_picture(pooled) * pictures.clamp_max(1.0),
            ],
            dim=1,
        )
        return Fused(
            intents=self.intents(evidence),
            products=self.products(evidence),
            kinds=self.kinds(evidence),
            pictures=self.pictures(evidence),
            joint=functional.normalize(self.joint(evidence), dim=1),
            frames=self.tell_frames(seen[:, seen.shape[1] - frames.shape[1] :]),
        )

    def start_from(self, intent_weight: Tensor, intent_bias: Tensor, directions: Tensor) -> None:
        """Begin with what words alone say, so that training only adds to it.

        ``intent_weight`` ``[384, intents]`` and ``intent_bias`` ``[intents]`` are a head on
        sentence vectors; ``directions`` ``[128, 384]``, orthonormal, keep the most of their
        differences. Call it once ``of_text`` has measured.
        """
        text = slice(self.gathered_width, self.gathered_width + EMBEDDING_WIDTH)
        with torch.no_grad():
            self.intents.weight[:, text] = (intent_weight * self.of_text.scale[:, None]).T
            self.intents.bias.copy_(intent_bias + self.of_text.mean @ intent_weight)
            self.joint.weight[:, text] = directions * self.of_text.scale / self.of_text.scale.mean()


def _head(evidence: int, labels: int, inside: int) -> nn.Linear:
    """A head that starts blind to what is not gathered."""
    head = nn.Linear(evidence, labels)
    with torch.no_grad():
        head.weight[:, inside:] = 0.0
        head.weight[:, :inside] *= 0.1
        head.bias.zero_()
    return head


def _is_first(rows: Tensor) -> Tensor:
    first: Tensor = (torch.arange(rows.shape[1], device=rows.device) == 0).to(rows.dtype)
    return first

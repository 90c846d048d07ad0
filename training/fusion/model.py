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
from training.fusion.start import Start
from training.vision.heads import Head as LinearHead

TEXT: Final = slice(0, EMBEDDING_WIDTH)
WORDS: Final = slice(EMBEDDING_WIDTH, 2 * EMBEDDING_WIDTH)
PICTURE: Final = slice(2 * EMBEDDING_WIDTH, 2 * EMBEDDING_WIDTH + REGION_WIDTH)
"""Where the modalities' own vectors stand."""
OWN_WIDTH: Final = 2 * EMBEDDING_WIDTH + REGION_WIDTH

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


class Head(nn.Module):
    """Labels from what CLS has gathered and from the modalities' own vectors, which begin unheard."""

    def __init__(self, inside: int, labels: int) -> None:
        super().__init__()
        self.gathered = nn.Linear(inside, labels)
        self.own = nn.Linear(OWN_WIDTH, labels, bias=False)
        nn.init.normal_(self.gathered.weight, std=0.01)
        nn.init.zeros_(self.gathered.bias)
        nn.init.zeros_(self.own.weight)

    def forward(self, gathered: Tensor, own: Tensor) -> Tensor:
        """Give logits ``[n, labels]``."""
        logits: Tensor = self.gathered(gathered) + self.own(own)
        return logits


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
        self.intents = Head(inside, counts.intents)
        self.products = Head(inside, counts.products)
        self.kinds = Head(inside, counts.kinds)
        self.pictures = Head(inside, counts.pictures)
        self.joint = Head(inside, JOINT_WIDTH)
        self.gates = nn.Linear(inside, 3)
        """What text, words in pictures and pictures count in the joint vector: it depends on the turn."""
        nn.init.zeros_(self.gates.weight)
        nn.init.zeros_(self.gates.bias)
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
        wholes = [
            self.dropout(self.of_text(text[:, 0]) * text_mask[:, :1]),
            self.dropout(self.of_text(words[:, 0]) * word_mask[:, :1]),
            self.dropout(self.of_picture(pooled) * pictures.clamp_max(1.0)),
        ]
        own = torch.cat(wholes, dim=1)
        gathered = self.dropout(seen[:, 0])
        gates = 2.0 * self.gates(gathered).sigmoid()
        gated = torch.cat([whole * gates[:, at : at + 1] for at, whole in enumerate(wholes)], dim=1)
        return Fused(
            intents=self.intents(gathered, own),
            products=self.products(gathered, own),
            kinds=self.kinds(gathered, own),
            pictures=self.pictures(gathered, own),
            joint=functional.normalize(self.joint(gathered, gated), dim=1),
            frames=self.tell_frames(seen[:, seen.shape[1] - frames.shape[1] :]),
        )

    def start_from(self, start: Start) -> None:
        """Begin with what words alone and pictures alone say, so that training only adds to it.

        Call it once ``of_text`` and ``of_picture`` have measured.
        """
        text_scale, picture_scale = self.of_text.scale, self.of_picture.scale
        with torch.no_grad():
            weight, bias = _of_head(start.intents)
            self.intents.own.weight[:, TEXT] = (weight * text_scale[:, None]).T
            self.intents.gathered.bias.copy_(bias + self.of_text.mean @ weight)
            directions = torch.from_numpy(start.directions) * text_scale / text_scale.mean()
            self.joint.own.weight[:, TEXT] = directions
            self.joint.own.weight[:, WORDS] = directions / 2.0
            for head, found in (
                (self.products, start.products),
                (self.kinds, start.kinds),
                (self.pictures, start.pictures),
            ):
                if found is not None:
                    weight, bias = _of_head(found)
                    head.own.weight[:, PICTURE] = (weight * picture_scale[:, None]).T
                    head.gathered.bias.copy_(bias + self.of_picture.mean @ weight)
            if start.to_passages is not None:
                self.joint.own.weight[:, PICTURE] = torch.from_numpy(start.to_passages)


def _of_head(head: LinearHead) -> tuple[Tensor, Tensor]:
    return torch.from_numpy(head.weight), torch.from_numpy(head.bias)


def _is_first(rows: Tensor) -> Tensor:
    first: Tensor = (torch.arange(rows.shape[1], device=rows.device) == 0).to(rows.dtype)
    return first

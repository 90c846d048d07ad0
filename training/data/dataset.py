"""Examples of text, sound and pictures as tensors: a torch ``Dataset`` and what loads it in batches."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, Dataset, RandomSampler, Sampler, SequentialSampler

from services.serving.errors import FrontdeskError
from services.vision.decoding import decode
from training.acoustic.clips import read as read_clip
from training.data.augmentation.pictures import PictureInput, PictureTransform
from training.data.augmentation.sound import SoundChances, SpecAugment, augmented
from training.data.augmentation.text import asr_errors, typos
from training.data.examples import DataError, Example
from training.data.sound_features import SoundFeatures, SoundInput

PRESENT: Final = ("text", "sound", "picture")
"""What each place of ``present`` stands for."""
UNKNOWN: Final = -1
"""Label of an example whose intent is not known, or that belongs to none of the labels."""

Item = Mapping[str, Tensor]


@dataclass(frozen=True, slots=True)
class MultimodalInput:
    """What encoders expect, and what chance does to an example in training."""

    max_tokens: int = 64
    """Longer texts are cut."""
    sound: SoundInput = field(default_factory=SoundInput)
    picture: PictureInput = field(default_factory=PictureInput)
    typos: float = 0.0
    """Share of texts of training with a typo in every third word,"""
    asr_errors: float = 0.0
    """and of others, with errors of a recognizer."""
    sound_chances: SoundChances = field(default_factory=SoundChances)
    spec_augment: SpecAugment = field(default_factory=SpecAugment)


class MultimodalDataset(Dataset[Item]):
    """Gives an example's tensors:

    - ``input_ids`` and ``attention_mask``: int64 ``[tokens]``;
    - ``mfcc``: float32 ``[coefficients, frames]``, or the logarithms of Mel bands where ``sound`` says so;
    - ``image``: float32 ``[3, size, size]``;
    - ``label``: int64, the place in ``labels`` or ``UNKNOWN``; multi-label: float32 ``[labels]`` of 0 and 1;
    - ``present``: bool ``[3]`` in the order of ``PRESENT``. What is absent is zeros: one token, one frame,
      one picture.

    In training an example is augmented by chance; the same seed, epoch and position give the same
    tensors, whichever process makes them.
    """

    def __init__(
        self,
        examples: Sequence[Example],
        labels: Sequence[str],
        tokenizer: Any,
        given: MultimodalInput,
        training: bool = False,
        multi_label: bool = False,
        seed: int = 0,
    ) -> None:
        """Take a Hugging Face ``tokenizer``, and examples in the order in which they are numbered."""
        self._examples = examples
        self._places = {label: place for place, label in enumerate(labels)}
        self._tokenizer = tokenizer
        self._given = given
        self._training = training
        self._multi_label = multi_label
        self._seed = seed
        self._features = SoundFeatures(given.sound)
        self._transform = PictureTransform(given.picture, training)
        self.epoch = 0
        """Other epochs draw other augmentation."""

    def __len__(self) -> int:
        return len(self._examples)

    def __getitem__(self, position: int) -> Item:
        """Give the tensors of an example.

        Raises:
            DataError: its clip or picture is missing or broken; names file and line.
        """
        example = self._examples[position]
        rng = np.random.default_rng([self._seed, self.epoch, position])
        tokens = self._tokenizer(self._text(example, rng), truncation=True, max_length=self._given.max_tokens)
        item = {
            "input_ids": torch.tensor(tokens["input_ids"], dtype=torch.int64),
            "attention_mask": torch.tensor(tokens["attention_mask"], dtype=torch.int64),
            "mfcc": self._sound(example, rng),
            "image": self._picture(example, rng),
            "label": self._label(example),
            "present": torch.tensor(
                [bool(example.text.strip()), example.audio is not None, example.image is not None]
            ),
        }
        if not example.text.strip():
            item["input_ids"] = item["attention_mask"] = torch.zeros(1, dtype=torch.int64)
        return item

    def _text(self, example: Example, rng: np.random.Generator) -> str:
        chance = rng.random()
        if not self._training or chance >= self._given.typos + self._given.asr_errors:
            return example.text
        if chance < self._given.typos:
            return typos(example.text, rng, language=example.language)
        return asr_errors(example.text, rng, example.language)

    def _sound(self, example: Example, rng: np.random.Generator) -> Tensor:
        if example.audio is None:
            return torch.zeros(self._given.sound.rows, 1)
        try:
            samples: NDArray[np.float32] = read_clip(example.audio)
            if samples.ndim > 1:
                samples = samples.mean(axis=1)
        except Exception as error:  # codecs raise anything at all for broken bytes
            raise DataError(
                f"{example.source}: audio {example.audio}: cannot be read: missing or broken; replace it"
            ) from error
        if not len(samples):
            raise DataError(f"{example.source}: audio {example.audio}: is empty: replace it")
        if self._training:
            samples = augmented(samples, rng, self._given.sound_chances)
        features = self._features(samples)
        return torch.from_numpy(self._given.spec_augment(features, rng) if self._training else features)

    def _picture(self, example: Example, rng: np.random.Generator) -> Tensor:
        if example.image is None:
            return torch.zeros(3, self._given.picture.size, self._given.picture.size)
        try:
            # As the running service decodes it.
            picture = decode(example.image.read_bytes())
        except OSError as error:
            raise DataError(
                f"{example.source}: image {example.image}: cannot be read: {error.strerror}"
            ) from error
        except FrontdeskError as error:
            raise DataError(f"{example.source}: image {example.image}: {error}") from error
        return self._transform(picture, rng)

    def _label(self, example: Example) -> Tensor:
        places = [self._places[intent] for intent in example.intents if intent in self._places]
        if self._multi_label:
            return torch.zeros(len(self._places)).index_fill(0, torch.tensor(places, dtype=torch.int64), 1.0)
        return torch.tensor(places[0] if places else UNKNOWN)


def collate(items: Sequence[Item]) -> dict[str, Tensor]:
    """Join items to a batch, ``[batch, …]``; tokens and frames are padded with zeros to the longest.

    Adds ``frames``: int64 ``[batch]``, how many of ``mfcc``'s are real (0 without sound).
    """
    batch = {name: torch.stack([item[name] for item in items]) for name in ("image", "label", "present")}
    for name in ("input_ids", "attention_mask"):
        batch[name] = pad_sequence([item[name] for item in items], batch_first=True)
    sounds = [item["mfcc"].T for item in items]
    batch["mfcc"] = pad_sequence(sounds, batch_first=True).transpose(1, 2)
    lengths = torch.tensor([len(sound) for sound in sounds])
    batch["frames"] = lengths * batch["present"][:, PRESENT.index("sound")]
    return batch


class MultimodalLoader:
    """Loads batches, in the same order and with the same content for any number of workers."""

    def __init__(
        self,
        dataset: MultimodalDataset,
        batch_size: int,
        seed: int = 0,
        workers: int = 0,
        shuffle: bool = True,
        sampler: Sampler[int] | None = None,
    ) -> None:
        """Load with ``workers`` processes beside this one, 0 for none.

        ``sampler`` draws the order (``balance.balanced_sampler``); without it, ``seed``
        and the epoch do where ``shuffle``.
        """
        self._dataset = dataset
        self._batch_size = batch_size
        self._seed = seed
        self._workers = workers
        self._shuffle = shuffle
        self._sampler = sampler
        self.epoch = 0
        """Of the next iteration; each adds one. Set it to go on where a run was stopped."""

    def __len__(self) -> int:
        return -(-len(self._dataset) // self._batch_size)

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        """Give an epoch's batches.

        Raises:
            DataError: an example's clip or picture is missing or broken; names file and line.
        """
        generator = torch.Generator().manual_seed(self._seed * 1_000_003 + self.epoch)
        self._dataset.epoch = self.epoch
        self.epoch += 1
        sampler = self._sampler
        if sampler is None:
            chosen = RandomSampler(self._dataset, generator=generator)
            sampler = chosen if self._shuffle else SequentialSampler(self._dataset)
        loader = DataLoader(
            _Faults(self._dataset),
            self._batch_size,
            sampler=sampler,
            num_workers=self._workers,
            collate_fn=_collate_or_fault,
            worker_init_fn=_seed_worker,
            generator=generator,
        )
        for batch in loader:
            if isinstance(batch, DataError):
                raise batch
            yield batch


class _Faults(Dataset[Item | DataError]):
    """Gives an example's fault in its place: what a worker raises reaches this process as a traceback."""

    def __init__(self, dataset: MultimodalDataset) -> None:
        self._dataset = dataset

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, position: int) -> Item | DataError:
        try:
            return self._dataset[position]
        except DataError as error:
            return DataError(str(error))


def _collate_or_fault(items: Sequence[Item | DataError]) -> dict[str, Tensor] | DataError:
    whole: list[Item] = []
    for item in items:
        if isinstance(item, DataError):
            return item
        whole.append(item)
    return collate(whole)


def _seed_worker(number: int) -> None:
    """Seed what libraries draw of their own in a worker by torch's seed of it."""
    random.seed(torch.initial_seed())
    np.random.seed(torch.initial_seed() % (1 << 32))
    torch.set_num_threads(1)

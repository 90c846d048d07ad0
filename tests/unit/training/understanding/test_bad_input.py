"""What a training does with what it cannot use: it says what is wrong, and spoils nothing."""

import errno
import logging
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.unit.training.understanding import tiny
from tests.unit.training.understanding.test_resume import KilledAt, KilledError, assert_same, run
from training.data.examples import DataError
from training.understanding.arguments import UnderstandingArguments
from training.understanding.checkpoints import Checkpoint, Checkpoints, Place
from training.understanding.predict import load
from training.understanding.train import Untracked, train

CHECKPOINT = "killed.training/checkpoint.pt"


def kill(folder: Path, step: int = 8, **values: Any) -> Path:
    with pytest.raises(KilledError):
        run(folder / "killed", KilledAt(step), **values)
    return folder / CHECKPOINT


# --- A loss that is no number ---


class Spoiling(Untracked):
    """Makes a weight infinite after a step, as a step that is too long does."""

    def __init__(self, model: Any, step: int) -> None:
        self._model, self._step = model, step

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        if "loss" in figures and step == self._step:
            with torch.no_grad():
                self._model.encoder.layer[1].output.dense.weight[0, 0] = float("inf")


def test_a_loss_that_is_no_number_stops_the_training_and_leaves_the_last_checkpoint(tmp_path: Path) -> None:
    run(tmp_path / "whole", epochs=2.0)
    encoder = tiny.encoder()
    with pytest.raises(FloatingPointError, match=r"loss is nan .* step 9 of 12: .*lower learning_rate"):
        train(
            tiny.examples(slots=True),
            tiny.arguments(epochs=2.0),
            tmp_path / "killed",
            encoder=encoder,
            tracker=Spoiling(encoder.model, 8),
        )
    assert not (tmp_path / "killed").exists()
    run(tmp_path / "killed", epochs=2.0)  # from the epoch before
    assert_same(tmp_path / "whole", tmp_path / "killed")


# --- A full disk ---


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    made = (
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True, check=False
        )
        if shutil.which("mount")
        else None
    )
    if made is None or made.returncode:
        pytest.skip("no disk can be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def fill(folder: Path, leave: int) -> None:
    free = shutil.disk_usage(folder).free
    (folder / "filler").write_bytes(bytes(max(0, free - leave)))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_checkpoint_that_does_not_fit_leaves_the_model_before(disk: Path) -> None:
    run(disk / "model", epochs=1.0)
    before = contents(disk / "model")
    fill(disk, 50_000)
    with pytest.raises(OSError, match=r"model\.training/checkpoint\.pt") as caught:
        run(disk / "model", epochs=1.0, seed=1)
    assert caught.value.errno == errno.ENOSPC
    assert "there is none before it. Free some disk" in str(caught.value)
    assert contents(disk / "model") == before
    assert list((disk / "model.training").iterdir()) == []

    (disk / "filler").unlink()
    run(disk / "model", epochs=1.0, seed=1)
    assert contents(disk / "model") != before
    assert sorted(path.name for path in disk.iterdir()) == ["model"]


def test_a_checkpoint_that_does_not_fit_leaves_the_one_before(disk: Path, tmp_path: Path) -> None:
    run(tmp_path / "whole", epochs=2.0)
    kept = kill(disk, step=7, epochs=2.0)
    before = kept.read_bytes()
    fill(disk, len(before) // 2)
    with pytest.raises(OSError, match=r"the one before is whole\. Free some disk"):
        run(disk / "killed", epochs=2.0)
    assert kept.read_bytes() == before
    (disk / "filler").unlink()
    run(disk / "killed", epochs=2.0)
    assert_same(tmp_path / "whole", disk / "killed")


def test_a_model_that_does_not_fit_leaves_the_one_before_and_the_checkpoint(
    disk: Path, tmp_path: Path
) -> None:
    run(tmp_path / "whole", epochs=1.0, seed=1)
    size = kill(tmp_path, step=7, epochs=2.0).stat().st_size
    run(disk / "model", epochs=1.0)
    before = contents(disk / "model")
    fill(disk, size + 50_000)
    with pytest.raises(OSError, match=r"the model cannot be written .*whole. Free some disk") as caught:
        run(disk / "model", epochs=1.0, seed=1)
    assert caught.value.errno == errno.ENOSPC
    assert caught.value.filename == str(disk / "model")
    assert contents(disk / "model") == before
    assert sorted(path.name for path in disk.iterdir()) == ["filler", "model", "model.training"]
    load(disk / "model")

    (disk / "filler").unlink()
    run(disk / "model", epochs=1.0, seed=1)
    assert_same(tmp_path / "whole", disk / "model")


def test_a_write_that_breaks_off_leaves_the_checkpoint_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(Place(1, 0, 6), {"a": 1}, "id", [{}])

    def broken(_content: Any, file: Any) -> None:
        file.write(b"half of it")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(torch, "save", broken)
    with pytest.raises(OSError, match="the one before is whole") as caught:
        checkpoints.save(Place(2, 0, 12), {"a": 2}, "id", [{}])
    assert caught.value.errno == errno.ENOSPC
    found = checkpoints.read("id")
    assert found is not None
    assert (found.place, found.states) == (Place(1, 0, 6), {"a": 1})
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.pt"]


# --- Checkpoints that cannot be used ---


def truncated(content: bytes) -> bytes:
    return content[: len(content) // 2]


def one_bit(content: bytes) -> bytes:
    return content[:20_000] + bytes([content[20_000] ^ 4]) + content[20_001:]


def nothing(_content: bytes) -> bytes:
    return b""


def text(_content: bytes) -> bytes:
    return b"no checkpoint at all"


@pytest.mark.parametrize("damage", [truncated, one_bit, nothing, text])
def test_a_damaged_checkpoint_is_said_and_the_training_begins_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: Callable[[bytes], bytes]
) -> None:
    path = kill(tmp_path, step=7, epochs=1.2)
    path.write_bytes(damage(path.read_bytes()))
    assert Checkpoints(path.parent).read("any") is None
    assert "the checkpoint is damaged" in caplog.text
    assert "begins anew" in caplog.text
    if damage is truncated:
        run(tmp_path / "whole", epochs=1.2)
        run(tmp_path / "killed", epochs=1.2)
        assert_same(tmp_path / "whole", tmp_path / "killed")


def test_a_checkpoint_of_other_data_or_arguments_is_not_gone_on_with(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run(tmp_path / "whole", epochs=1.0, seed=1)
    kill(tmp_path, step=7)
    with caplog.at_level(logging.WARNING):
        run(tmp_path / "killed", epochs=1.0, seed=1)
    assert "of other data, arguments or processes: the training begins anew" in caplog.text
    assert_same(tmp_path / "whole", tmp_path / "killed")


def test_what_changes_no_result_may_change_before_a_training_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run(tmp_path / "whole", epochs=2.0)
    kill(tmp_path, epochs=2.0, checkpoint_every=4)
    run(tmp_path / "killed", epochs=2.0, checkpoint_every=5)
    assert not caplog.text
    one, other = (load(tmp_path / name).model.state_dict() for name in ("whole", "killed"))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_checkpoint_of_another_version_is_named(tmp_path: Path) -> None:
    layer = torch.nn.Linear(2, 2)
    for states in ({}, {"model": {"weight": torch.zeros(3, 3)}}):
        checkpoint = Checkpoint(tmp_path / "checkpoint.pt", Place(), states, [{}])
        with pytest.raises(
            ValueError, match=r"checkpoint\.pt: the checkpoint is of another version.*remove it"
        ):
            checkpoint.restore({"model": layer})


# --- Data and arguments ---


def test_empty_splits_and_one_class(tmp_path: Path) -> None:
    whole = tiny.examples()
    cases = [
        (replace(whole, train=()), {}, "tiny: the train split is empty"),
        (replace(whole, validation=()), {"patience": 1}, "tiny: the validation split is empty.*patience=0"),
        (
            replace(whole, train=tuple(e for e in whole.train if e.intents == ("top_up",))),
            {},
            r"tiny: the train split has 1 intent\(s\): two are needed",
        ),
        (
            replace(whole, validation=(replace(whole.validation[0], intents=("other",)),)),
            {},
            r"tiny\.jsonl:1: intent \['other'\] is not one of the 3 labels",
        ),
    ]
    for examples, values, message in cases:
        with pytest.raises(DataError, match=message):
            train(examples, tiny.arguments(**values), tmp_path / "model", encoder=tiny.encoder())
    assert list(tmp_path.iterdir()) == []


def test_without_validation_and_patience_the_last_is_kept(tmp_path: Path) -> None:
    examples = replace(tiny.examples(), validation=())
    trained = train(examples, tiny.arguments(epochs=1.0), tmp_path / "model", encoder=tiny.encoder())
    assert trained.report["best_epoch"] == 1
    assert len({path.stat().st_mode for path in (tmp_path / "model").iterdir()}) == 1  # all may be read alike


def test_early_stopping_is_not_watched_by_what_is_learned() -> None:
    with pytest.raises(ValueError, match=r"patience .*learn_from_validation"):
        UnderstandingArguments(patience=1, learn_from_validation=True)


# --- Precision ---


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_fp16_needs_a_gpu(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="fp16, which needs a GPU: set precision to bf16 or no"):
        run(tmp_path / "model", precision="fp16")
    assert list(tmp_path.iterdir()) == []


class Losses(Untracked):
    def __init__(self) -> None:
        self.seen: list[float] = []

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        if "loss" in figures:
            self.seen.append(figures["loss"])


def test_bf16_learns_and_resumes_and_leaves_a_model_of_full_precision(tmp_path: Path) -> None:
    losses, full = Losses(), Losses()
    values: dict[str, Any] = {"epochs": 3.0, "patience": 2, "average_from": 0.5}
    run(tmp_path / "whole", losses, precision="bf16", **values)
    assert sum(losses.seen[-3:]) < 0.8 * sum(losses.seen[:3])
    kill(tmp_path, precision="bf16", **values)
    run(tmp_path / "killed", precision="bf16", **values)
    assert_same(tmp_path / "whole", tmp_path / "killed")

    run(tmp_path / "full", full, precision="no", **values)
    assert full.seen != losses.seen
    assert full.seen[0] == pytest.approx(losses.seen[0], rel=0.05)
    state = load(tmp_path / "whole").model.state_dict()
    assert {value.dtype for value in state.values() if value.is_floating_point()} == {torch.float32}


def test_a_model_trained_in_bf16_is_asked_in_full_precision(tmp_path: Path) -> None:
    trained = train(
        tiny.examples(),
        tiny.arguments(epochs=1.0, precision="bf16"),
        tmp_path / "model",
        encoder=tiny.encoder(),
    )
    texts = [example.text for example in tiny.examples().test]
    assert (trained.predict(texts).logits == load(tmp_path / "model").predict(texts).logits).all()

"""Trained models: versions side by side, one of them served, and back to an earlier one."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from tests.unit.training.export.building import Repository
from training.export.publish import RepositoryFullError
from training.export.roll_back import roll_back
from training.export.versions import served_folder


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


def test_a_changed_model_becomes_the_next_version_and_the_last_three_stay(repository: Repository) -> None:
    for content in ("one", "two", "three", "four"):
        repository.build(content)

    assert repository.kept() == {2: "two", 3: "three", 4: "four"}
    assert repository.served() == "four"
    assert served_folder(repository.path, "model") == repository.path / "model" / "4"


def test_versions_share_files_that_did_not_change(repository: Repository) -> None:
    repository.build("one")
    repository.build("two")

    model = repository.path / "model"
    assert (model / "1/common.bin").samefile(model / "2/common.bin")
    assert not (model / "1/data.bin").samefile(model / "2/data.bin")


def test_what_comes_out_the_same_of_other_sources_is_no_new_version(repository: Repository) -> None:
    repository.build("one", source="a")
    repository.build("one", source="b")
    repository.build("one", source="b")

    assert repository.writes == 2
    assert repository.kept() == {1: "one"}
    repository.build("one", source="b", changes={"cpu_threads": 2})
    assert repository.kept() == {1: "one", 2: "one"}  # served otherwise


def test_what_is_back_at_an_earlier_state_is_served_as_the_newest_without_being_made_again(
    repository: Repository,
) -> None:
    for content in ("one", "two", "one"):
        repository.build(content)

    assert repository.writes == 2
    assert repository.kept() == {1: "one", 2: "two", 3: "one"}
    assert repository.served() == "one"


def test_a_damaged_version_is_made_again_and_not_kept(repository: Repository) -> None:
    repository.build("one")
    repository.build("two")
    (repository.path / "model/2/common.bin").unlink()
    repository.build("two")

    assert repository.kept() == {1: "one", 3: "two"}


def test_models_that_are_not_trained_here_keep_one_version(repository: Repository) -> None:
    repository.build("one", keep=1)
    repository.build("two", keep=1)

    assert repository.kept() == {1: "two"}
    config = text_format.Parse(
        (repository.path / "model/config.pbtxt").read_text(), model_config_pb2.ModelConfig()
    )
    assert not config.HasField("version_policy")


def test_back_to_the_version_before_and_forward_again(repository: Repository) -> None:
    for content in ("one", "two", "three"):
        repository.build(content)

    assert roll_back(repository.path, "model") == {"model": 2}
    assert repository.served() == "two"
    assert roll_back(repository.path, "model") == {"model": 1}
    assert repository.served() == "one"
    assert roll_back(repository.path, "model", to=3) == {"model": 3}
    assert repository.served() == "three"
    assert roll_back(repository.path, "model", to=3) == {}
    assert repository.kept() == {1: "one", 2: "two", 3: "three"}


def test_what_was_rolled_back_stays_so_until_something_changes(repository: Repository) -> None:
    repository.build("one")
    repository.build("bad")
    roll_back(repository.path, "model")

    repository.build("bad")
    assert repository.served() == "one"
    assert "model 2: was rolled back, and is kept; 1 is served" in repository.told.getvalue()

    repository.build("better")
    assert repository.served() == "better"
    assert repository.kept() == {1: "one", 3: "better"}
    assert roll_back(repository.path, "model") == {"model": 1}


def test_what_belongs_together_goes_back_together(repository: Repository) -> None:
    for content in ("one", "two"):
        repository.build(content, "encoder")
        repository.build(f"head of {content}", "head", builds_on={"encoder": f"of {content}"})
    repository.build("another head of two", "head", builds_on={"encoder": "of two"})

    assert roll_back(repository.path, "encoder") == {"encoder": 1, "head": 1}
    assert (repository.served("encoder"), repository.served("head")) == ("one", "head of one")
    assert roll_back(repository.path, "head", to=2) == {"head": 2, "encoder": 2}
    assert (repository.served("encoder"), repository.served("head")) == ("two", "head of two")
    assert roll_back(repository.path, "head", to=3) == {"head": 3}


def test_a_model_is_held_back_while_what_it_builds_on_is_rolled_back(repository: Repository) -> None:
    for content in ("one", "two"):
        repository.build(content, "encoder")
        repository.build(f"head of {content}", "head", builds_on={"encoder": f"of {content}"})
    roll_back(repository.path, "encoder")

    repository.build("new head of two", "head", builds_on={"encoder": "of two"})

    assert repository.served("head") == "head of one"
    assert "held back, since it builds on encoder 2 and 1 is served" in repository.told.getvalue()


def test_a_roll_back_that_would_part_what_belongs_together_is_refused(repository: Repository) -> None:
    repository.build("one", "encoder")
    repository.build("two", "encoder")
    repository.build("head of two", "head", builds_on={"encoder": "of two"})

    with pytest.raises(ValueError, match="head 1 builds on encoder 2, and no version of it that is kept on"):
        roll_back(repository.path, "encoder")
    assert repository.served("encoder") == "two"


def test_what_a_model_builds_on_must_be_there(repository: Repository) -> None:
    with pytest.raises(ValueError, match="builds on a encoder that is not in the repository"):
        repository.build("head", "head", builds_on={"encoder": "of one"})


@pytest.mark.parametrize(
    ("model", "to", "said"),
    [
        ("model", None, "model: version 1 is the earliest that is kept"),
        ("model", 7, "model: version 7 is not kept; there are 1"),
        ("other", None, "no model 'other' in the repository: there are model"),
    ],
)
def test_what_cannot_be_rolled_back_is_named(
    repository: Repository, model: str, to: int | None, said: str
) -> None:
    repository.build("one")
    with pytest.raises(ValueError, match=said):
        roll_back(repository.path, model, to)


def test_a_repository_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no model repository"):
        roll_back(tmp_path / "repository", "model")


def test_a_model_that_a_killed_export_had_made_is_not_made_again(repository: Repository) -> None:
    repository.build("one")
    left = repository.path.rename(repository.folder / "left")
    repository.context = replace(repository.context, interrupted=left)

    repository.build("one")

    assert repository.writes == 1
    assert repository.served() == "one"


def test_a_model_that_the_domain_has_no_more_is_taken_away(repository: Repository) -> None:
    repository.build("one")
    repository.context.remove("model")
    repository.context.remove("model")

    assert not (repository.path / "model").exists()


def test_rolling_back_on_a_full_disk_changes_nothing(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.build("one")
    repository.build("two")

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("os.replace", full)
        with pytest.raises(RepositoryFullError):
            roll_back(repository.path, "model")
    assert repository.served() == "two"

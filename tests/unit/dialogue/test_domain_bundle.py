"""Bundles are deterministic, and hostile ones are refused before they cost anything."""

import io
import zipfile

import pytest

from services.dialogue.domain.bundle import BundleLimits, pack, unpack
from services.dialogue.domain.loader import load_files
from services.dialogue.domain.problems import BundleError
from tests.fakes.domain_folder import domain_files

LIMITS = BundleLimits(entries=50, total_bytes=2_000_000, entry_bytes=1_500_000, ratio=20)


def archive(*entries: tuple[str | zipfile.ZipInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in entries:
            made.writestr(name, content)
    return buffer.getvalue()


def test_packing_keeps_what_serving_needs_and_is_deterministic() -> None:
    files = domain_files()
    bundle = pack(files)

    assert bundle == pack(dict(reversed(files.items())))
    unpacked = unpack(bundle, LIMITS)
    assert unpacked == {name: content for name, content in files.items() if name != "evaluation.yaml"}
    assert load_files(unpacked).version == load_files(files).version


@pytest.mark.parametrize(
    "name", ["../domain.yaml", "/etc/passwd", "a/../../b", "a\\b", "c:/x", "./domain.yaml", "a//b"]
)
def test_unsafe_names_are_refused(name: str) -> None:
    info = zipfile.ZipInfo("placeholder")
    info.filename = name
    with pytest.raises(BundleError, match="unsafe"):
        unpack(archive((info, b"x")), LIMITS)


def test_links_are_refused() -> None:
    link = zipfile.ZipInfo("domain.yaml")
    link.external_attr = 0o120777 << 16
    with pytest.raises(BundleError, match="unsafe"):
        unpack(archive((link, b"/etc/passwd")), LIMITS)


@pytest.mark.parametrize("size", [1_400_000, 3_000_000])
def test_bombs_are_refused(size: int) -> None:
    with pytest.raises(BundleError, match="unpacks to more"):
        unpack(archive(("domain.yaml", b"\0" * size)), LIMITS)


def test_too_many_files_are_refused() -> None:
    with pytest.raises(BundleError, match="51 files"):
        unpack(archive(*((f"f{number}", b"") for number in range(51))), LIMITS)


@pytest.mark.parametrize("cut", [0, 10, 200, -30])
def test_broken_archives_are_refused(cut: int) -> None:
    with pytest.raises(BundleError):
        unpack(pack(domain_files())[:cut], LIMITS)


def test_changed_bytes_are_refused_or_read() -> None:
    bundle = pack(domain_files())
    for position in range(0, len(bundle), 97):
        broken = bytearray(bundle)
        broken[position] ^= 0xFF
        try:
            unpack(bytes(broken), LIMITS)
        except BundleError:
            continue

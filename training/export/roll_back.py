"""Makes an earlier version of a model the served one again, together with what belongs to it."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from training.export import publish, version_files
from training.export.versions import CONFIG, read_manifest, served_version, versions


def roll_back(repository: Path, model: str, to: int | None = None) -> dict[str, int]:
    """Serve the version of ``model`` before the one that is served, or version ``to``.

    Models that build on it, or that it builds on, follow to the version that belongs to it. Gives
    each changed model with the version that it now serves; nothing where ``to`` is served already.
    The versions left stay beside, and the export leaves it so until something changes.

    Raises:
        ValueError: no such model or version, or one that belongs to it is not kept any more.
        RepositoryFullError: the disk is full.
    """
    if not repository.is_dir():
        raise ValueError(f"{repository}: no model repository")
    with publish.publishing(repository) as staged:
        plan = _plan(_Kept(staged.repository), model, to)
        for name, version in plan.items():
            folder = staged.repository / name
            fresh = folder / f".{CONFIG}"
            publish.link(folder / str(version) / CONFIG, fresh)
            os.replace(fresh, folder / CONFIG)
    return plan


class _Kept:
    """What stands in a repository: versions that could be served, with their manifests."""

    def __init__(self, repository: Path) -> None:
        self.folder = repository
        self.served: dict[str, int] = {}
        self._manifests: dict[str, dict[int, Mapping[str, Any]]] = {}
        for model in sorted(path for path in repository.iterdir() if path.is_dir()):
            if (served := served_version(model)) is not None:
                self.served[model.name] = served
                self._manifests[model.name] = {
                    number: read_manifest(model / str(number))
                    for number in versions(model)
                    if version_files.can_be_served(model / str(number))
                }

    def numbers(self, model: str) -> list[int]:
        return sorted(self._manifests[model])

    def needs(self, model: str, version: int) -> Mapping[str, str]:
        """Fingerprints of the models that a version builds on."""
        needs: Mapping[str, str] = self._manifests[model].get(version, {}).get("builds_on", {})
        return needs

    def newest(self, model: str, fingerprint: str) -> int | None:
        """The newest version with that fingerprint."""
        kept = self._manifests.get(model, {})
        return max((n for n in kept if kept[n].get("fingerprint") == fingerprint), default=None)

    def fits(self, model: str, version: int, base: str, base_version: int) -> bool:
        """Whether a version goes with that version of a model that it may build on."""
        needed = self.needs(model, version).get(base)
        return needed is None or needed == self._manifests[base].get(base_version, {}).get("fingerprint")


def _plan(kept: _Kept, model: str, to: int | None) -> dict[str, int]:
    if model not in kept.served:
        known = ", ".join(kept.served)
        raise ValueError(f"no model {model!r} in the repository: there are {known or 'none'}")
    served, numbers = kept.served[model], kept.numbers(model)
    earlier = [number for number in numbers if number < served]
    if to is None and not earlier:
        raise ValueError(
            f"{model}: version {served} is the earliest that is kept; there is nothing to go back to"
        )
    if to is not None and to not in numbers:
        raise ValueError(
            f"{model}: version {to} is not kept; there are {', '.join(map(str, numbers)) or 'none'}"
        )
    plan = {model: earlier[-1] if to is None else to}
    # What the version builds on …
    for base, fingerprint in kept.needs(model, plan[model]).items():
        version = kept.newest(base, fingerprint)
        if version is None:
            raise ValueError(f"{model} {plan[model]} builds on a {base} that is not kept any more")
        if not kept.fits(model, plan[model], base, kept.served[base]):
            plan[base] = version
    # … and what builds on the versions that are left.
    for base, version in list(plan.items()):
        for other in kept.served:
            if other in plan or kept.fits(other, kept.served[other], base, version):
                continue
            fitting = [n for n in kept.numbers(other) if kept.fits(other, n, base, version)]
            if not fitting:
                raise ValueError(
                    f"{other} {kept.served[other]} builds on {base} {kept.served[base]}, and no version of it"
                    f" that is kept on {base} {version}: put the earlier model into the domain's folder"
                    " and export it"
                )
            plan[other] = fitting[-1]
    return {name: version for name, version in plan.items() if version != kept.served[name]}

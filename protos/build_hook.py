"""Generates the wire types when the project is installed or built."""

import runpy
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ProtosBuildHook(BuildHookInterface):  # type: ignore[misc]
    """Runs ``protos/generate.py`` before hatchling collects files."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Generate into ``build/protos``; an editable install reads them there, a wheel carries a copy."""
        runpy.run_path(str(Path(self.root) / "protos" / "generate.py"), run_name="__main__")
        if version != "editable":
            build_data["force_include"]["build/protos/frontdesk"] = "frontdesk"

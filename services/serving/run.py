"""How a process of ours starts: settings, logs, event loop."""

import os
import sys
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog
import uvloop
from pydantic import ValidationError

from services.serving.errors import FrontdeskError
from services.serving.logs import configure_logging
from services.serving.settings import ServingSettings

SettingsT = TypeVar("SettingsT", bound=ServingSettings)


def run(main: Callable[[SettingsT], Awaitable[None]], settings_class: type[SettingsT]) -> None:
    """Read the settings from the environment and run ``main(settings)`` on uvloop.

    Exits with 2 and one line for each fault when the settings are wrong, with 1
    when ``main`` raises an error of ours.
    """
    try:
        settings = settings_class()
    except ValidationError as error:
        prefix = settings_class.model_config.get("env_prefix", "")
        for fault in error.errors():
            name = "_".join(str(part) for part in fault["loc"]).upper()
            shared = prefix + name not in os.environ and f"FRONTDESK_{name}" in os.environ
            print(f"{'FRONTDESK_' if shared else prefix}{name}: {fault['msg']}", file=sys.stderr)
        sys.exit(2)
    configure_logging(settings)

    async def runner() -> None:
        await main(settings)

    try:
        uvloop.run(runner())
    except FrontdeskError as error:
        structlog.stdlib.get_logger("frontdesk.run").error(
            "cannot run", reason=error.reason, message=error.message
        )
        sys.exit(1)

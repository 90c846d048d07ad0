"""What every command of ``frontdesk`` gets: the connection, and how to print."""

import json
from pathlib import Path
from typing import Any

import grpc
from rich.console import Console

from gateway.client import FrontdeskClient


class UsageError(Exception):
    """The command line asks for something that cannot be done; the text says what to do."""


class CliContext:
    """Settings of one run of the program. Connects at the first use."""

    def __init__(
        self, endpoint: str, api_key: str, api_key_file: Path, timeout_seconds: float, json_lines: bool
    ) -> None:
        self.endpoint = endpoint
        self.timeout_seconds = timeout_seconds
        self.json = json_lines
        # With --json the standard output holds JSON alone, whatever a command shows besides.
        self.console = Console(highlight=False, soft_wrap=True, stderr=json_lines)
        self.error_console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._api_key = api_key
        self._api_key_file = api_key_file
        self._client: FrontdeskClient | None = None

    @property
    def client(self) -> FrontdeskClient:
        """The gateway."""
        if self._client is None:
            key = self._credential()
            try:
                self._client = FrontdeskClient(self.endpoint, key, timeout_seconds=self.timeout_seconds)
            except ValueError as error:
                raise UsageError(str(error)) from error
        return self._client

    @property
    def channel(self) -> grpc.Channel:
        """The gateway, for commands that other parts add; carries the credential."""
        return self.client.channel

    def print_json(self, value: Any) -> None:
        """Print one JSON object on a line of its own."""
        print(json.dumps(value, ensure_ascii=False), flush=True)

    def close(self) -> None:
        """Close the connection, if one was made."""
        if self._client is not None:
            self._client.close()

    def _credential(self) -> str:
        if self._api_key:
            return self._api_key
        if self._api_key_file.exists():
            return self._api_key_file.read_text().strip()
        raise UsageError(
            f"No API key: {self._api_key_file} does not exist. Start the suite with `make up`, "
            "or give a key by --api-key or FRONTDESK_API_KEY."
        )

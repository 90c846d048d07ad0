"""The ``frontdesk`` program."""

import json
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from typer.core import TyperGroup

from gateway.cli import call, explain, knowledge, pictures, speech, status, turn
from gateway.cli.context import CliContext, UsageError
from gateway.client import FrontdeskApiError, api_errors


class AnywhereJsonGroup(TyperGroup):
    """Lets ``--json`` stand anywhere on the command line."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Move ``--json`` to the front, where the group reads it."""
        return super().parse_args(ctx, sorted(args, key=lambda arg: arg != "--json"))


def build_app() -> typer.Typer:
    """Assemble the program: our commands, and those of the entry-point group ``frontdesk.commands``."""
    app = typer.Typer(
        cls=AnywhereJsonGroup,
        no_args_is_help=True,
        add_completion=False,
        help="Frontdesk: customer service that hears, sees, reads and speaks. --json may stand anywhere.",
        epilog='Try: frontdesk turn --text "Why is this light red?" --image router.jpg --out answer.wav',
    )

    @app.callback()
    def connect(
        context: typer.Context,
        endpoint: Annotated[
            str, typer.Option(envvar="FRONTDESK_ENDPOINT", help="The gateway's address.")
        ] = "127.0.0.1:50050",
        api_key: Annotated[str, typer.Option(envvar="FRONTDESK_API_KEY", help="Your API key.")] = "",
        api_key_file: Annotated[
            Path, typer.Option(envvar="FRONTDESK_API_KEY_FILE", help="File to read the API key from.")
        ] = Path("build/run/api_key"),
        timeout: Annotated[float, typer.Option(min=0.1, help="Deadline of a call, in seconds.")] = 30.0,
        json_lines: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
    ) -> None:
        context.obj = CliContext(endpoint, api_key, api_key_file, timeout, json_lines)
        context.call_on_close(context.obj.close)

    app.command()(turn.turn)
    app.command()(call.call)
    app.command()(explain.explain)
    app.command()(speech.transcribe)
    app.command()(speech.speak)
    app.command()(speech.voices)
    app.command()(pictures.see)
    app.command()(knowledge.embed)
    app.command()(knowledge.search)
    app.command()(status.status)
    for entry in sorted(entry_points(group="frontdesk.commands"), key=lambda entry: entry.name):
        try:
            app.add_typer(entry.load(), name=entry.name)
        except ModuleNotFoundError:
            continue  # the part that adds it is not installed
    return app


def main() -> None:
    """Run the program; errors of calls, usage and files are told in a sentence, without a traceback."""
    try:
        with api_errors("the gateway"):
            build_app()()
    except FrontdeskApiError as error:
        _fail(str(error), error.code.name, error.reason, error.message, exit_code=1)
    except UsageError as error:
        _fail(str(error), "USAGE", "", str(error), exit_code=2)
    except OSError as error:
        message = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        _fail(message, "FILE", "", message, exit_code=1)
    except KeyboardInterrupt:
        sys.exit(130)


def _fail(text: str, code: str, reason: str, message: str, *, exit_code: int) -> NoReturn:
    if "--json" in sys.argv:
        told = {"code": code, "reason": reason, "message": message}
        print(json.dumps({"error": told}, ensure_ascii=False))
    Console(stderr=True, highlight=False, soft_wrap=True).print(text, style="red", markup=False)
    sys.exit(exit_code)


if __name__ == "__main__":
    main()

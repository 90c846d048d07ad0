"""``frontdesk status``: is everything there?"""

import typer
from rich.table import Table

from gateway.cli.context import CliContext
from gateway.client import FrontdeskApiError

SERVICES = (
    "frontdesk.gateway.v1.ConversationService",
    "frontdesk.asr.v1.AsrService",
    "frontdesk.vision.v1.VisionService",
    "frontdesk.text.v1.TextService",
    "frontdesk.dialogue.v1.DialogueService",
    "frontdesk.dialogue.v1.KnowledgeService",
    "frontdesk.tts.v1.TtsService",
)


def status(context: typer.Context) -> None:
    """Show the health of the gateway and of each service behind it; exit with 1 unless all serve."""
    cli: CliContext = context.obj
    states = {service: _health(cli, service) for service in SERVICES}
    if cli.json:
        cli.print_json({"endpoint": cli.endpoint, "services": states})
    else:
        table = Table("service", "health", title=f"Frontdesk at {cli.endpoint}", title_justify="left")
        for service, state in states.items():
            table.add_row(service, f"[green]{state}[/]" if state == "SERVING" else f"[red]{state}[/]")
        cli.console.print(table)
    if set(states.values()) != {"SERVING"}:
        raise typer.Exit(1)


def _health(cli: CliContext, service: str) -> str:
    try:
        return cli.client.health(service)
    except FrontdeskApiError as error:
        if not error.reason and error.code.name == "UNAVAILABLE":
            raise
        return error.code.name

"""``frontdesk domain``: checks a company's folder and publishes it."""

import hashlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from frontdesk.dialogue.v1 import dialogue_pb2, dialogue_pb2_grpc
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn
from rich.table import Table

from services.dialogue.domain.bundle import pack
from services.dialogue.domain.loader import load_files, read_folder
from services.dialogue.domain.problems import DomainError
from services.dialogue.domain.types import Domain

CHUNK_BYTES = 256 * 1024

app = typer.Typer(help="Check a company's domain folder, and publish it.", no_args_is_help=True)

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The folder that holds domain.yaml.")]


@app.command()
def check(context: typer.Context, folder: Folder) -> None:
    """Find what is wrong with a domain folder, each fault with its file and line."""
    _, domain = _read(context, folder)
    if context.obj.json:
        context.obj.print_json(_summary(domain))
    else:
        context.obj.console.print(_table(domain))


@app.command()
def publish(context: typer.Context, folder: Folder) -> None:
    """Check a domain folder and upload it; new sessions use it from then on."""
    files, domain = _read(context, folder)
    bundle = pack(files)
    console: Console = context.obj.console
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=console, transient=True, disable=context.obj.json) as progress:
        task = progress.add_task(f"Publishing {domain.version}", total=len(bundle))

        def requests() -> Iterator[dialogue_pb2.PublishDomainRequest]:
            config = dialogue_pb2.DomainBundleConfig(
                name=domain.name, sha256=hashlib.sha256(bundle).hexdigest(), size_bytes=len(bundle)
            )
            yield dialogue_pb2.PublishDomainRequest(config=config)
            for start in range(0, len(bundle), CHUNK_BYTES):
                chunk = bundle[start : start + CHUNK_BYTES]
                yield dialogue_pb2.PublishDomainRequest(chunk=chunk)
                progress.advance(task, len(chunk))

        stub = dialogue_pb2_grpc.DialogueServiceStub(context.obj.channel)
        # Embedding a whole domain takes longer than a turn may.
        published = stub.PublishDomain(requests(), timeout=max(context.obj.timeout_seconds, 120.0))
    if context.obj.json:
        context.obj.print_json(
            {
                "domain_version": published.domain_version,
                "passages": published.passage_count,
                "intents": published.intent_count,
                "unchanged": published.unchanged,
                "published": published.publish_time.ToJsonString(),
            }
        )
        return
    state = "was published before, nothing to do" if published.unchanged else "is published"
    console.print(
        f"[bold]{published.domain_version}[/bold] {state}:"
        f" {published.passage_count} passages, {published.intent_count} intents"
    )


def _read(context: typer.Context, folder: Path) -> tuple[dict[str, bytes], Domain]:
    try:
        files = read_folder(folder)
        return files, load_files(files)
    except DomainError as error:
        for problem in error.problems:
            if context.obj.json:
                context.obj.print_json(
                    {"file": problem.file, "line": problem.line, "problem": problem.message}
                )
            else:
                # Plain, so that editors and terminals can jump to file:line.
                typer.echo(f"{folder / problem.file}:{problem.line}: {problem.message}")
        if not context.obj.json:
            typer.echo(f"{len(error.problems)} problem(s) in {folder}", err=True)
        raise typer.Exit(1) from error


def _summary(domain: Domain) -> dict[str, object]:
    return {
        "domain_version": domain.version,
        "languages": list(domain.languages),
        "passages": len({passage.id for passage in domain.passages}),
        "intents": len(domain.intents),
        "examples": {
            language: sum(len(intent.examples[language]) for intent in domain.intents)
            for language in domain.languages
        },
        "out_of_scope": {language: len(domain.out_of_scope[language]) for language in domain.languages},
        "templates": len(domain.templates),
        "evaluation_questions": len(domain.evaluation),
        "products": len(domain.products),
        "pictures": dict(Counter(picture.kind for picture in domain.pictures)),
        "showing_questions": {
            language: sum(question.language == language for question in domain.showing)
            for language in domain.languages
        },
        "evaluation_pairs": len(domain.evaluation_pairs),
    }


def _table(domain: Domain) -> Table:
    table = Table(title=f"{domain.version} is right", title_justify="left")
    table.add_column("")
    for language in domain.languages:
        table.add_column(language, justify="right")
    for name, count in (
        ("passages", lambda language: sum(p.language == language for p in domain.passages)),
        ("intents", lambda language: sum(bool(i.examples[language]) for i in domain.intents)),
        ("examples", lambda language: sum(len(i.examples[language]) for i in domain.intents)),
        ("out of scope", lambda language: len(domain.out_of_scope[language])),
        ("templates", lambda language: sum(bool(t[language]) for t in domain.templates.values())),
        ("pictures", lambda language: sum(bool(p.seen[language]) for p in domain.pictures)),
        ("questions with pictures", lambda language: sum(q.language == language for q in domain.showing)),
        ("held-out questions", lambda language: sum(q.language == language for q in domain.evaluation)),
        ("held-out pairs", lambda language: sum(p.language == language for p in domain.evaluation_pairs)),
    ):
        table.add_row(name, *(str(count(language)) for language in domain.languages))
    return table

"""The whole suite on this machine: ``python -m services.local up|down|status``."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from services.local.processes import Ports
from services.local.readiness import is_ready
from services.local.suite import LocalSuite, SuiteFolders
from services.local.supervision import SupervisionError

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__)
console = Console(stderr=True, highlight=False)
BUILD = Path("build")
RunDir = Annotated[Path, typer.Option(help="Keys, logs and supervisord's files.")]


def _suite(run_dir: Path, domain: str = "", data: Path = BUILD / "data") -> LocalSuite:
    return LocalSuite(SuiteFolders(run_dir, BUILD / "model_repository", BUILD / "weights", data), domain)


@app.command()
def up(
    run_dir: RunDir = BUILD / "run",
    data: Annotated[Path, typer.Option(help="Sessions, media and knowledge base.")] = BUILD / "data",
    domain: Annotated[str, typer.Option(help="Domain that new sessions use.")] = "shop",
    free_ports: Annotated[bool, typer.Option(help="Take free ports instead of the default ones.")] = False,
    timeout_seconds: Annotated[float, typer.Option(help="How long to wait until all are ready.")] = 180.0,
) -> None:
    """Start Triton, the services and the gateway under supervision, and wait until all are ready."""
    suite = _suite(run_dir, domain, data)
    already_running = suite.supervisor.running()
    try:
        if already_running:
            console.print("Already running, with the domain and the models that it was started with.")
        else:
            suite.start(Ports.free() if free_ports else Ports())
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        with Progress(*columns, console=console) as progress:
            tasks = {process.name: progress.add_task(process.name, total=1) for process in suite.processes()}
            suite.wait_until_ready(
                timeout_seconds, on_ready=lambda process: progress.update(tasks[process.name], completed=1)
            )
    except SupervisionError as error:
        console.print(str(error), style="red", markup=False)
        if not already_running and suite.supervisor.running():
            suite.stop()
        raise typer.Exit(1) from None
    console.print(f"Frontdesk answers at {suite.endpoint}; the API key lies in {suite.api_key_file}.")


@app.command()
def down(run_dir: RunDir = BUILD / "run") -> None:
    """Stop what ``up`` started, and nothing else."""
    suite = _suite(run_dir)
    if not suite.supervisor.running():
        console.print("Nothing is running.")
        return
    suite.stop()
    console.print("Stopped.")


@app.command()
def endpoint(run_dir: RunDir = BUILD / "run") -> None:
    """Print the gateway's address."""
    print(_suite(run_dir).endpoint)


@app.command()
def status(run_dir: RunDir = BUILD / "run") -> None:
    """Show each process with its state and health; exit with 1 unless all are ready."""
    suite = _suite(run_dir)
    if not suite.supervisor.running():
        console.print("Nothing is running; start with: make up")
        raise typer.Exit(1)
    states = {state.name: state for state in suite.supervisor.states()}
    table = Table("process", "state", "pid", "port", "ready")
    all_ready = True
    for process in suite.processes():
        ready = is_ready(process)
        all_ready = all_ready and ready
        state = states[process.name]
        table.add_row(process.name, state.state, str(state.pid), str(process.port), "yes" if ready else "no")
    Console().print(table)
    if not all_ready:
        raise typer.Exit(1)


if __name__ == "__main__":
    app()

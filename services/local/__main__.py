"""The whole suite on this machine: ``python -m services.local up|down|status``."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from services.local.keys import ensure_keys
from services.local.readiness import is_ready, wait_until_ready
from services.local.suite import Ports, environment, processes
from services.local.supervision import SupervisionError, Supervisor

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__)
console = Console(stderr=True)
RunDir = Annotated[Path, typer.Option(help="Keys, logs and supervisord's files.")]


@app.command()
def up(
    run_dir: RunDir = Path("build/run"),
    repository: Annotated[Path, typer.Option(help="Triton's model repository.")] = Path(
        "build/model_repository"
    ),
    weights: Annotated[Path, typer.Option(help="Verified pretrained weights.")] = Path("build/weights"),
    data: Annotated[Path, typer.Option(help="Sessions, media and knowledge base.")] = Path("build/data"),
    domain: Annotated[str, typer.Option(help="Domain that new sessions use.")] = "shop",
    free_ports: Annotated[bool, typer.Option(help="Take free ports instead of the default ones.")] = False,
    timeout_seconds: Annotated[float, typer.Option(help="How long to wait until all are ready.")] = 180.0,
) -> None:
    """Start Triton, the services and the gateway under supervision, and wait until all are ready."""
    supervisor = Supervisor(run_dir)
    ports_file = run_dir / "ports.json"
    if not supervisor.running():
        ports = Ports.free() if free_ports else Ports()
        if taken := ports.occupied():
            console.print(
                f"[red]In use already:[/] {', '.join(taken)}. Stop what listens there, or pass --free-ports."
            )
            raise typer.Exit(1)
        keys = ensure_keys(run_dir)
        ports.save(ports_file)
        settings = environment(
            ports,
            keys,
            repository=repository.resolve(),
            weights=weights.resolve(),
            data=data.resolve(),
            domain=domain,
        )
        supervisor.start(processes(ports, repository.resolve()), settings)
    suite = processes(Ports.load(ports_file), repository.resolve())
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        tasks = {process.name: progress.add_task(process.name, total=1) for process in suite}
        try:
            wait_until_ready(
                suite,
                supervisor,
                timeout_seconds=timeout_seconds,
                on_ready=lambda process: progress.update(tasks[process.name], completed=1),
            )
        except SupervisionError as error:
            progress.stop()
            console.print(str(error), style="red", markup=False, highlight=False)
            supervisor.stop()
            raise typer.Exit(1) from None
    gateway = next(process for process in suite if process.name == "gateway")
    console.print(f"Frontdesk answers at 127.0.0.1:{gateway.port}; API key in {run_dir / 'api_key'}.")


@app.command()
def down(run_dir: RunDir = Path("build/run")) -> None:
    """Stop what ``up`` started, and nothing else."""
    supervisor = Supervisor(run_dir)
    if not supervisor.running():
        console.print("Nothing is running.")
        return
    supervisor.stop()
    console.print("Stopped.")


@app.command()
def endpoint(run_dir: RunDir = Path("build/run")) -> None:
    """Print the gateway's address."""
    print(f"127.0.0.1:{Ports.load(run_dir / 'ports.json').gateway}")


@app.command()
def status(run_dir: RunDir = Path("build/run")) -> None:
    """Show each process with its state and health; exit with 1 unless all are ready."""
    supervisor = Supervisor(run_dir)
    if not supervisor.running():
        console.print("Nothing is running; start with: make up")
        raise typer.Exit(1)
    states = {state.name: state for state in supervisor.states()}
    table = Table("process", "state", "pid", "port", "ready")
    all_ready = True
    for process in processes(Ports.load(run_dir / "ports.json"), Path()):
        ready = is_ready(process)
        all_ready = all_ready and ready
        state = states[process.name]
        table.add_row(process.name, state.state, str(state.pid), str(process.port), "yes" if ready else "no")
    Console().print(table)
    if not all_ready:
        raise typer.Exit(1)


if __name__ == "__main__":
    app()

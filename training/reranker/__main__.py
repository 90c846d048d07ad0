"""``python -m training.reranker``: trains what puts the passages found for a question in order.

    python -m training.reranker --domain domains/shop
    python -m training.reranker --domain domains/shop --set cmrc2018 --set abcd_kb --data ../shared/data
    python -m training.reranker --domain domains/shop --override keep_layers=6 --override steps=600

Writes ``build/reranker``, which `make export` puts into the model repository. A killed run goes on
where it stood when it is started again.
"""

import json
import os
import shlex
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from services.dialogue.domain.loader import load_domain
from services.dialogue.domain.problems import DomainError
from services.dialogue.knowledge.words import WordSplitter
from training.data.examples import DataError
from training.reranker import data as sources
from training.reranker import served
from training.reranker.arguments import RerankerArguments
from training.reranker.data import Corpus, Split
from training.reranker.evaluate import DEPTH, compared, text_of
from training.reranker.retrieval import Found, Retrieval
from training.text.vector_cache import CachedTextEncoder
from training.weights.manifest import WeightsError

SETS: Final[Mapping[str, Callable[[Path], Corpus]]] = {"cmrc2018": sources.cmrc2018, "abcd_kb": sources.abcd}


def main(
    domain: Annotated[list[Path] | None, typer.Option(help="A company's folder; may be repeated.")] = None,
    name: Annotated[
        list[str] | None, typer.Option("--set", help=f"A public set, of {', '.join(SETS)}; may be repeated.")
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Data sets; default FRONTDESK_DATA.")] = None,
    out: Annotated[Path, typer.Option(help="Where the reranker goes.")] = Path("build/reranker"),
    repository: Annotated[Path, typer.Option(help="Exported encoders.")] = Path("build/model_repository"),
    override: Annotated[
        list[str] | None, typer.Option(help="KEY=VALUE, a field of RerankerArguments; may be repeated.")
    ] = None,
    most_tests: Annotated[
        int, typer.Option("--test-questions", min=1, help="Of each source, at most.")
    ] = 200,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON alone.")] = False,
) -> None:
    """Train, export and judge a reranker."""
    console = Console(highlight=False, soft_wrap=True, stderr=as_json)
    try:
        arguments = RerankerArguments.of(dict(_pair(text) for text in override or ()))
        folder = data or Path(os.environ.get("FRONTDESK_DATA", "../shared/data"))
        corpora = [sources.domain_corpus(load_domain(path)) for path in domain or ()]
        for each in name or ():
            if each not in SETS:
                raise DataError(f"there is no set {each!r} to rerank: name one of {', '.join(SETS)}")
            corpora.append(SETS[each](folder))
        if not corpora:
            raise DataError("there is nothing to learn from: name a --domain or a --set")
        manifest = run(corpora, CachedTextEncoder.beside(repository), arguments, out, most_tests, console)
    except (DataError, DomainError, WeightsError, ValueError, OSError, FloatingPointError) as error:
        console.print(f"[red]training the reranker failed:[/] {escape(str(error))}")
        raise typer.Exit(1) from error
    if as_json:
        print(json.dumps({key: manifest[key] for key in ("command", "report", "forms", "test")}))
        return
    console.print(_table(manifest))
    console.print(f"[bold]Reranker[/] {escape(str(out))} [dim]put it into the repository: make export[/]")


def run(
    corpora: list[Corpus],
    encoder: Any,
    arguments: RerankerArguments,
    out: Path,
    most_tests: int,
    console: Console,
    pretrained: Any = None,
) -> dict[str, Any]:
    """Find, train, export and judge; ``pretrained`` is an encoder in the place of that which is named."""
    # Here: only training needs torch.
    from training.reranker import onnx_export
    from training.reranker.train import train
    from training.understanding.tracking import ProgressBar

    words = WordSplitter()
    retrievals = [(corpus, Retrieval(corpus, encoder, words)) for corpus in corpora]
    rng = np.random.default_rng(arguments.seed)

    def found(split: Split, most: int, depth: int) -> list[tuple[Corpus, list[Found]]]:
        chosen = []
        for corpus, retrieval in retrievals:
            questions = corpus.of(split)
            if most and len(questions) > most:
                questions = [
                    questions[int(place)] for place in sorted(rng.permutation(len(questions))[:most])
                ]
            chosen.append((corpus, retrieval(questions, depth)))
        return chosen

    training = found("train", arguments.questions, arguments.candidates)
    validation = found("validation", -(-arguments.validation_questions // len(corpora)), DEPTH)
    trained, report = train(
        training, validation, arguments, out, tracker=ProgressBar("reranker", console), encoder=pretrained
    )

    def validate(form: served.Served) -> float:
        told = [(len(f), compared(c, f, form)["reranked"].mrr) for c, f in validation if f]
        return sum(count * mrr for count, mrr in told) / max(sum(count for count, _ in told), 1)

    corpus, asked = next((corpus, founds[0]) for corpus, founds in training if founds)
    passages = [text_of(corpus, place) for place in asked.ranked["search"][:DEPTH]]
    served.write(
        out,
        lambda file: onnx_export.export(trained, file),
        lambda file: trained.tokenizer.backend_tokenizer.save(str(file)),
        trained.told(),
        validate,
        ([asked.question.text] * len(passages), passages),
    )
    form = served.Served(out)
    test = {
        corpus.name: {
            "questions": len(founds),
            "passages": len(corpus.passages),
            "figures": {way: asdict(each) for way, each in compared(corpus, founds, form).items()},
        }
        for corpus, founds in found("test", most_tests, DEPTH)
        if founds
    }
    return served.add_to_manifest(
        out,
        {
            "command": shlex.join(["python", "-m", "training.reranker", *sys.argv[1:]]),
            "sources": [corpus.name for corpus in corpora],
            "report": report,
            "test": test,
        },
    )


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"{text!r} is no KEY=VALUE, as keep_layers=6")
    return key.strip(), value.strip()


def _table(manifest: Mapping[str, Any]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("test questions", "way", "MRR@10", "recall@1", "recall@10"):
        table.add_column(heading, no_wrap=True)
    for source, told in manifest["test"].items():
        for way, figures in told["figures"].items():
            numbers = (f"{figures[key]:.3f}" for key in ("mrr", "recall_at_1", "recall_at_10"))
            table.add_row(f"{source} ({told['questions']})", way, *numbers)
    return table


if __name__ == "__main__":
    typer.run(main)

"""``frontdesk embed`` and ``search``."""

from enum import StrEnum
from typing import Annotated

import typer
from rich.markup import escape

from gateway.cli.context import CliContext


class InputType(StrEnum):
    """What a text is embedded as."""

    QUERY = "query"
    PASSAGE = "passage"


def embed(
    context: typer.Context,
    texts: Annotated[list[str], typer.Argument(help="Texts to embed.")],
    input_type: Annotated[InputType, typer.Option("--as", help="Question or passage.")] = InputType.QUERY,
) -> None:
    """Turn texts into vectors, and show how near they are to the first."""
    cli: CliContext = context.obj
    answer = cli.client.embed(texts, input_type=input_type.value)
    first = answer.embeddings[0].sentence
    for text, embedding in zip(texts, answer.embeddings, strict=True):
        cosine = sum(a * b for a, b in zip(first, embedding.sentence, strict=True))
        if cli.json:
            cli.print_json(
                {
                    "text": text,
                    "embedding": list(embedding.sentence),
                    "embedding_model": answer.embedding_model,
                    "tokens": embedding.token_count,
                    "truncated": embedding.truncated,
                }
            )
        else:
            head = ", ".join(f"{value:+.3f}" for value in embedding.sentence[:4])
            cli.console.print(
                f"{escape(text)}\n  [dim]{escape(f'[{head}, …]')} {len(embedding.sentence)} numbers, "
                f"{embedding.token_count} tokens, cosine to the first {cosine:.3f}[/]"
            )
    if not cli.json:
        cli.console.print(f"[dim]{answer.embedding_model}[/]")


def search(
    context: typer.Context,
    query: Annotated[str, typer.Argument(help="The question.")],
    language: Annotated[str, typer.Option(help="en or zh. Default: told from the question.")] = "",
    top: Annotated[int, typer.Option(min=1, max=50, help="Passages to show.")] = 5,
) -> None:
    """Find passages of the knowledge base."""
    cli: CliContext = context.obj
    answer = cli.client.search(query, language=language, top_k=top)
    for rank, hit in enumerate(answer.hits, 1):
        if cli.json:
            cli.print_json(
                {
                    "rank": rank,
                    "passage_id": hit.passage_id,
                    "title": hit.title,
                    "text": hit.text,
                    "language": hit.language_code,
                    "score": round(hit.score, 5),
                    "vector_score": round(hit.vector_score, 4),
                    "bm25_score": round(hit.bm25_score, 4),
                }
            )
        else:
            cli.console.print(
                f"[bold]{rank} {escape(hit.title)}[/] [dim]{escape(hit.passage_id)} · "
                f"cosine {hit.vector_score:.3f} · BM25 {hit.bm25_score:.1f}[/]\n  {escape(hit.text)}"
            )
    if not answer.hits and not cli.json:
        cli.console.print("Nothing found.")

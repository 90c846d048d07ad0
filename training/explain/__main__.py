"""``python -m training.explain``: which words and regions a prediction rests on, and whether that holds.

    python -m training.explain --model build/model_repository/intent_shop --text "My parcel is late"
    python -m training.explain --model domains/shop/models/fusion --text "What is this?" --image router.jpg
    python -m training.explain --model FOLDER --deletion-test --set banking77 --data ../shared/data
    python -m training.explain --model domains/shop/models/fusion --deletion-test --domain domains/shop

``--out why.png`` draws it. The deletion test ends with 1 where leaving out what is named does
not change predictions more than leaving out as much at random.
"""

import os
import shlex
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from services.dialogue.domain.loader import load_domain
from services.dialogue.domain.problems import DomainError
from training.data.examples import DataError
from training.explain import examples, report
from training.explain.attribution import ExplainError, Subject
from training.explain.deletion import REGIONS_REMOVED, WORDS_REMOVED, deletion_test
from training.explain.drawing import draw_attributions
from training.explain.explanation import explain
from training.explain.models import TextModel, open_model, open_served
from training.explain.picture_models import PictureModel
from training.explain.pictures import RegionSubject
from training.explain.words import TextSubject, WordFinder


def main(
    model: Annotated[Path, typer.Option(help="Folder of a trained or an exported model.")],
    triton: Annotated[
        str, typer.Option(help="HOST:PORT of Triton; --model is then a name, as understanding_shop.")
    ] = "",
    text: Annotated[str, typer.Option(help="Explain this text.")] = "",
    image: Annotated[Path | None, typer.Option(dir_okay=False, help="Explain this picture.")] = None,
    label: Annotated[str, typer.Option(help="Explain this label. Default: the predicted one.")] = "",
    head: Annotated[str, typer.Option(help="Of a picture model: intents, products, kinds or pictures.")] = "",
    replacement: Annotated[
        str, typer.Option(help='Write this in a word\'s place, as "[MASK]". Default: leave the word out.')
    ] = "",
    characters: Annotated[
        bool, typer.Option("--characters", help="Mandarin by characters instead of words.")
    ] = False,
    out: Annotated[Path | None, typer.Option(dir_okay=False, help="Draw into this PNG, SVG or PDF.")] = None,
    test: Annotated[
        bool, typer.Option("--deletion-test", help="Test explanations on --set, or on --domain.")
    ] = False,
    name: Annotated[str, typer.Option("--set", help="A public set, as banking77.")] = "",
    data: Annotated[Path | None, typer.Option(help="Data sets; default FRONTDESK_DATA.")] = None,
    split: Annotated[str, typer.Option(help="The set's split.")] = "validation",
    domain: Annotated[
        Path | None, typer.Option(help="A company's folder: its held-out questions or pictures.")
    ] = None,
    most: Annotated[int, typer.Option("--examples", min=10, help="Examples of the test, at most.")] = 100,
    seed: Annotated[int, typer.Option(help="Decides which examples, and what is left out at random.")] = 0,
    repository: Annotated[Path, typer.Option(help="Exported encoders.")] = Path("build/model_repository"),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON alone.")] = False,
) -> None:
    """Say which words and regions a prediction rests on, or test whether such answers hold."""
    console = Console(highlight=False, soft_wrap=True, stderr=as_json)
    find = WordFinder("characters" if characters else "words")

    def opened_by(*, alone: bool) -> TextModel | PictureModel:
        return open_served(str(model), triton) if triton else open_model(model, repository, head, alone=alone)

    try:
        if not test:
            opened = opened_by(alone=not text)
            picture = None if image is None else examples.photograph(image, repository)
            found = explain(opened, text, picture, find, label=label, replacement=replacement)
            if as_json:
                report.print_json(report.explanation_json(found))
            else:
                report.show(console, found)
            if out:
                draw_attributions(found, image, out)
                console.print(f"[bold]Drawing[/] {escape(str(out))}")
            return
        if text or image or bool(name) == bool(domain):
            raise ExplainError(
                "--deletion-test asks about a --set or a --domain, not about one text or picture"
            )
        began = time.monotonic()
        opened = opened_by(alone=not name)
        if isinstance(opened, PictureModel) and domain is not None:
            looks = examples.looks_of_domain(load_domain(domain), repository, most, seed)
            ask = opened.pictures("")
            counts: Sequence[int] = REGIONS_REMOVED
            subjects: Iterable[Subject] = [RegionSubject(look, ask) for look in looks]
        else:
            predict = opened.predict if isinstance(opened, TextModel) else opened.texts(None)
            sets = data or Path(os.environ.get("FRONTDESK_DATA", "../shared/data"))
            texts = (
                [question.question for question in load_domain(domain).evaluation]
                if domain is not None
                else examples.texts_of_set(name, sets, split)
            )
            counts = WORDS_REMOVED
            subjects = [
                TextSubject(one, predict, find, replacement) for one in examples.chosen(texts, most, seed)
            ]
        tested = deletion_test(subjects, counts, seed=seed)
    except (ExplainError, DataError, DomainError, OSError) as error:
        console.print(f"[red]explaining failed:[/] {escape(str(error))}")
        raise typer.Exit(1) from error
    if as_json:
        told = {
            "model": str(model),
            "set": name or str(domain),
            "split": split if name else "held out",
            "seconds": round(time.monotonic() - began, 1),
            "command": shlex.join(["python", "-m", "training.explain", *sys.argv[1:]]),
        }
        report.print_json(report.test_json(tested, **told))
    else:
        report.show_test(console, tested)
    if not tested.holds:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)

"""Reads the files that public sets come in; what is wrong is named with file and line."""

import csv
import io
from collections.abc import Iterator, Mapping
from pathlib import Path

from training.data.examples import DataError


def open_text(path: Path, encoding: str = "utf-8") -> str:
    """Give a file's text.

    Raises:
        DataError: it is not there, or it is no such text.
    """
    try:
        return path.read_bytes().decode(encoding)
    except FileNotFoundError as error:
        raise DataError(f"{path}: is not there: see the set's reader for where it can be fetched") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise DataError(f"{path}:{line}: is not {encoding}: fetch the file anew") from error


def rows(
    path: Path, columns: tuple[str, ...], delimiter: str = ",", encoding: str = "utf-8"
) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Give a table's rows with where each begins, "file:line"; a field may hold line breaks in quotes.

    Raises:
        DataError: the file cannot be read, a column is missing, a row has too many or too few fields.
    """
    text = open_text(path, encoding)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    missing = [column for column in columns if column not in (reader.fieldnames or ())]
    if missing:
        raise DataError(f"{path}:1: the column {missing[0]!r} is missing")
    line = reader.line_num + 1
    try:
        for row in reader:
            if None in row or None in row.values():
                raise DataError(f"{path}:{line}: the row has not as many fields as there are columns")
            yield f"{path}:{line}", row
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"{path}:{line}: {error}") from error


def pairs(folder: Path) -> Iterator[tuple[str, str, str]]:
    """Give "file:line", text and label of a folder with ``seq.in`` and ``label``, a line each.

    Raises:
        DataError: a file cannot be read, or they have not the same number of lines.
    """
    texts = open_text(folder / "seq.in").removesuffix("\n").split("\n")
    labels = open_text(folder / "label").removesuffix("\n").split("\n")
    if len(texts) != len(labels):
        line = min(len(texts), len(labels)) + 1
        raise DataError(f"{folder / 'label'}:{line}: {len(labels)} labels for {len(texts)} texts of seq.in")
    for number, (text, label) in enumerate(zip(texts, labels, strict=True), 1):
        yield f"{folder / 'seq.in'}:{number}", text, label

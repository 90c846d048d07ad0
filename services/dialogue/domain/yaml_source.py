"""YAML whose faults are reported with file and line.

Scalars are taken as they are written, so that ``- no`` is the word "no".
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import yaml

from services.dialogue.domain.problems import Problem, nearest


@dataclass(frozen=True, slots=True)
class Value:
    """One node of a YAML file. Readers report what is wrong to ``problems`` and return None."""

    file: str
    node: yaml.Node
    problems: list[Problem]
    what: str

    @property
    def line(self) -> int:
        """Where the node begins, from 1."""
        return int(self.node.start_mark.line) + 1

    def report(self, message: str) -> None:
        """Add a problem at this node."""
        self.problems.append(Problem(self.file, self.line, message))

    def entries(self) -> "dict[str, Value] | None":
        """Give the values by key; a key that stands twice is reported."""
        if not isinstance(self.node, yaml.MappingNode):
            self.report(f"{self.what} must be a mapping of keys to values")
            return None
        found: dict[str, Value] = {}
        for key, node in self.node.value:
            place = Value(self.file, key, self.problems, f"a key of {self.what}")
            name = place.text()
            if name is None:
                continue
            if name in found:
                place.report(f"key {name!r} stands twice in {self.what} (first in line {found[name].line})")
                continue
            found[name] = Value(self.file, node, self.problems, f"{name!r}")
        return found

    def fields(self, required: Collection[str], optional: Collection[str] = ()) -> "Mapping[str, Value]":
        """Give the values of known keys; unknown and missing ones are reported."""
        found = self.entries()
        if found is None:
            return {}
        known = [*required, *optional]
        for name, value in found.items():
            if name not in known:
                value.report(f"unknown key {name!r}{nearest(name, known)}; known are {', '.join(known)}")
        for name in required:
            if name not in found:
                self.report(f"{name!r} is missing")
        return {name: value for name, value in found.items() if name in known}

    def text(self) -> str | None:
        """Give a text without blanks at its ends; an empty one is reported."""
        if not isinstance(self.node, yaml.ScalarNode):
            self.report(f"{self.what} must be a text")
            return None
        text = str(self.node.value).strip()
        if not text or (self.node.tag == "tag:yaml.org,2002:null" and text in {"~", "null", "Null", "NULL"}):
            self.report(f"{self.what} is empty")
            return None
        return text

    def is_null(self) -> bool:
        """Whether nothing or ``null`` is written."""
        return isinstance(self.node, yaml.ScalarNode) and self.node.tag == "tag:yaml.org,2002:null"

    def name(self, pattern: str, rule: str) -> str | None:
        """Give a text that matches a pattern; ``rule`` says the pattern in words."""
        text = self.text()
        if text is not None and not re.fullmatch(pattern, text):
            self.report(f"{self.what} is {text!r}: {rule}")
            return None
        return text

    def choice(self, known: Collection[str]) -> str | None:
        """Give a text that is one of ``known``."""
        text = self.text()
        if text is not None and text not in known:
            few = f"; known are {', '.join(known) or 'none'}" if len(known) <= 8 else ""
            self.report(f"{self.what} is {text!r}, which does not exist{nearest(text, known)}{few}")
            return None
        return text

    def integer(self, lowest: int, highest: int) -> int | None:
        """Give a whole number in a range."""
        text = self.text()
        if text is None:
            return None
        if not re.fullmatch(r"-?\d{1,9}", text) or not lowest <= int(text) <= highest:
            self.report(f"{self.what} is {text!r}: give a whole number from {lowest} to {highest}")
            return None
        return int(text)

    def items(self) -> "list[Value]":
        """Give the elements of a list."""
        if not isinstance(self.node, yaml.SequenceNode):
            self.report(f"{self.what} must be a list")
            return []
        return [Value(self.file, node, self.problems, f"an entry of {self.what}") for node in self.node.value]

    def by_language(self, languages: Collection[str]) -> "dict[str, Value]":
        """Give the values by language; a missing translation and an unknown language are reported."""
        found = self.entries()
        if found is None:
            return {}
        for language, value in found.items():
            if language not in languages:
                value.report(f"unknown language {language!r}; the domain's are {', '.join(languages)}")
        for language in languages:
            if language not in found:
                self.report(f"translation missing: {self.what} has no {language!r}")
        return {language: value for language, value in found.items() if language in languages}


def decode(file: str, content: bytes, problems: list[Problem]) -> str | None:
    """Give the text of a file; what is not UTF-8 is reported."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        problems.append(Problem(file, line, "not UTF-8: save the file as UTF-8"))
        return None


def parse(file: str, content: bytes, problems: list[Problem]) -> Value | None:
    """Parse a file; broken and empty YAML is reported and gives None."""
    text = decode(file, content, problems)
    if text is None:
        return None
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        problems.append(Problem(file, line, f"broken YAML: {error.problem or error.context}"))
        return None
    except yaml.YAMLError as error:
        problems.append(Problem(file, 1, f"broken YAML: {str(error).splitlines()[0]}"))
        return None
    except RecursionError:
        problems.append(Problem(file, 1, "broken YAML: nested too deeply"))
        return None
    if node is None:
        problems.append(Problem(file, 1, "the file is empty"))
        return None
    return Value(file, node, problems, "the file")

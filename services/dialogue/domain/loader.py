"""Reads a domain folder and finds everything that is wrong with it in one go."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from services.dialogue.domain import checks, pictures
from services.dialogue.domain.markdown import PlacedPassage, read_passages
from services.dialogue.domain.problems import DomainError, Problem, nearest
from services.dialogue.domain.types import (
    DOMAIN_NAME,
    OUT_OF_SCOPE,
    Domain,
    EvaluationPair,
    EvaluationQuestion,
    Intent,
    IntentHandoff,
    Policies,
    content_hash,
)
from services.dialogue.domain.yaml_source import Value, parse

EVALUATION = "evaluation.yaml"
"""Stays with its owner: read by ``load_domain``, not part of a bundle or its hash."""

LANGUAGES = ("en", "zh")

KEPT = ("photos", "evaluation", "models", "demo")
"""Folders that stay with their owner: photographs for training, held-out ones, trained models, the demo."""

_FILES = (
    "domain.yaml",
    "out_of_scope.yaml",
    "templates.yaml",
    "policies.yaml",
    pictures.PICTURES,
    pictures.SHOWING,
    EVALUATION,
)
IGNORED = ("README.md", "LICENSE")
"""Files for people, not read."""
_POLICY_RANGES = {"max_clarifications": (0, 5), "max_options": (2, 5), "max_quoted_sentences": (1, 10)}
_INTENT_ID = r"[a-z][a-z0-9_]{0,63}"


def load_domain(path: Path) -> Domain:
    """Read and check the domain folder at ``path``.

    Raises ``DomainError`` with every fault found, each with file and line.
    """
    return load_files(read_folder(path))


def is_read(name: str) -> bool:
    """Whether a file of the folder is read: not hidden, for people, or in a folder that is kept."""
    parts = PurePosixPath(name).parts
    hidden = any(part.startswith(".") for part in parts)
    return not hidden and name not in IGNORED and not (len(parts) > 1 and parts[0] in KEPT)


def read_folder(path: Path) -> dict[str, bytes]:
    """Give the folder's files that are read by their name relative to it.

    Raises ``DomainError`` when there is no such folder.
    """
    if not path.is_dir():
        raise DomainError([Problem(str(path), 1, "no such folder: give the folder that holds domain.yaml")])
    names = sorted(file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file())
    return {name: (path / name).read_bytes() for name in names if is_read(name)}


def load_files(files: Mapping[str, bytes]) -> Domain:
    """Check a domain given as its files by relative name; see ``load_domain``."""
    problems: list[Problem] = []
    _check_names(files, problems)
    header = _header(_file(files, "domain.yaml", problems))
    languages = header.languages

    passages = _passages(files, languages, problems)
    checks.passages(passages, languages, problems)
    passage_ids = {placed.passage.id for placed in passages}
    templates = _templates(_file(files, "templates.yaml", problems), languages)
    checks.templates(templates, problems)
    intents = _intents(files, languages, passage_ids, templates, problems)
    out_of_scope = _out_of_scope(_file(files, "out_of_scope.yaml", problems), languages)
    examples = {intent.id: values for intent, values in intents} | {OUT_OF_SCOPE: out_of_scope}
    checks.examples(examples, languages, problems)
    known = _known(files, header, passage_ids, problems)
    showing = pictures.read_showing(_optional_file(files, pictures.SHOWING, problems), known)
    held_out = _optional_file(files, EVALUATION, problems)
    evaluation, pairs = _evaluation(held_out, known, {intent.id for intent, _ in intents})
    asked = [(question.question, value) for question, value in evaluation]
    asked += [(pair.question, value) for pair, value in pairs]
    checks.held_out(asked, examples, [value for _, value in showing])

    domain = Domain(
        name=header.name,
        company=header.company,
        languages=languages,
        default_language=header.default_language,
        passages=tuple(sorted((p.passage for p in passages), key=lambda p: (p.id, p.language))),
        intents=tuple(sorted((intent for intent, _ in intents), key=lambda intent: intent.id)),
        out_of_scope=_texts(out_of_scope),
        templates={name: _texts(variants) for name, variants in templates.items()},
        policies=_policies(_file(files, "policies.yaml", problems)),
        content_hash=content_hash({name: data for name, data in files.items() if name != EVALUATION}),
        evaluation=tuple(question for question, _ in evaluation),
        products=header.products,
        kinds=header.kinds,
        pictures=tuple(sorted(known.pictures.values(), key=lambda picture: picture.id)),
        showing=tuple(question for question, _ in showing),
        evaluation_pairs=tuple(pair for pair, _ in pairs),
    )
    if problems:
        raise DomainError(problems)
    return domain


@dataclass(slots=True)
class _Header:
    name: str = ""
    languages: tuple[str, ...] = LANGUAGES
    default_language: str = LANGUAGES[0]
    company: dict[str, str] = field(default_factory=dict)
    products: dict[str, dict[str, str]] = field(default_factory=dict)
    kinds: dict[str, dict[str, str]] = field(default_factory=dict)


def _check_names(files: Mapping[str, bytes], problems: list[Problem]) -> None:
    for name in files:
        path = PurePosixPath(name)
        folder, suffix = str(path.parent), path.suffix
        if name in _FILES or (folder, suffix) in {("passages", ".md"), ("intents", ".yaml")}:
            continue
        if folder == "pictures":
            continue  # read_pictures reports what is not named
        patterns = "passages/TOPIC.LANGUAGE.md, intents/INTENT.yaml and pictures/FILE"
        known = f"known are {', '.join(_FILES)}, {patterns}"
        problems.append(Problem(name, 1, f"this file would not be read{nearest(name, _FILES)}; {known}"))


def _file(files: Mapping[str, bytes], name: str, problems: list[Problem]) -> Value | None:
    if name not in files:
        problems.append(Problem(name, 1, "the file is missing"))
        return None
    return parse(name, files[name], problems)


def _header(root: Value | None) -> _Header:
    header = _Header()
    if root is None:
        return header
    values = root.fields(("name", "company", "languages", "default_language"), ("products", "kinds"))
    if "name" in values:
        rule = "begin with a-z; then a-z, 0-9 and _; 40 at most"
        header.name = values["name"].name(DOMAIN_NAME, rule) or ""
    if "languages" in values:
        found = [language for item in values["languages"].items() if (language := item.choice(LANGUAGES))]
        if len(set(found)) != len(found):
            values["languages"].report("a language stands twice")
        header.languages = tuple(dict.fromkeys(found)) or LANGUAGES
    header.default_language = header.languages[0]
    if "default_language" in values:
        header.default_language = values["default_language"].choice(header.languages) or header.languages[0]
    if "company" in values:
        by_language = values["company"].by_language(header.languages)
        header.company = {language: value.text() or "" for language, value in by_language.items()}
    header.products = pictures.read_names(values.get("products"), header.languages)
    header.kinds = pictures.read_names(values.get("kinds"), header.languages)
    return header


def _passages(
    files: Mapping[str, bytes], languages: Collection[str], problems: list[Problem]
) -> list[PlacedPassage]:
    found: list[PlacedPassage] = []
    for name in sorted(files):
        path = PurePosixPath(name)
        if str(path.parent) != "passages" or path.suffix != ".md":
            continue
        language = PurePosixPath(path.stem).suffix.removeprefix(".")
        if language not in languages:
            rule = f"name it TOPIC.LANGUAGE.md, the language one of {', '.join(languages)}"
            problems.append(Problem(name, 1, f"no language in the file's name: {rule}"))
            continue
        found.extend(read_passages(name, files[name], language, problems))
    return found


def _variants(value: Value) -> list[Value]:
    return [item for item in value.items() if item.text() is not None]


def _templates(root: Value | None, languages: Collection[str]) -> dict[str, dict[str, list[Value]]]:
    found = (root.entries() if root else None) or {}
    return {
        name: {language: _variants(value) for language, value in entry.by_language(languages).items()}
        for name, entry in found.items()
    }


def _intents(
    files: Mapping[str, bytes],
    languages: Collection[str],
    passage_ids: Collection[str],
    templates: Collection[str],
    problems: list[Problem],
) -> list[tuple[Intent, dict[str, list[Value]]]]:
    found: dict[str, tuple[Intent, dict[str, list[Value]]]] = {}
    for name in sorted(files):
        path = PurePosixPath(name)
        if str(path.parent) != "intents" or path.suffix != ".yaml":
            continue
        root = parse(name, files[name], problems)
        if root is None:
            continue
        values = root.fields(("id", "description", "examples"), ("passages", "template", "handoff"))
        answers = [key for key in ("passages", "template", "handoff") if key in values]
        if len(answers) != 1:
            root.report(f"give exactly one of passages, template and handoff; here are {answers or 'none'}")
        intent_id = (
            values["id"].name(_INTENT_ID, "begin with a-z; then a-z, 0-9 and _") if "id" in values else None
        )
        if intent_id is not None and (intent_id == OUT_OF_SCOPE or intent_id != path.stem):
            values["id"].report(
                f"the id {intent_id!r} must equal the file's name and not be {OUT_OF_SCOPE!r}"
            )
        examples = values["examples"].by_language(languages) if "examples" in values else {}
        texts = {language: _variants(value) for language, value in examples.items()}
        cited = (
            [(item, item.choice(passage_ids)) for item in values["passages"].items()]
            if "passages" in values
            else []
        )
        if "passages" in values and not cited:
            values["passages"].report("name at least one passage")
        handoff = values["handoff"].choice(list(IntentHandoff)) if "handoff" in values else None
        description = values["description"].text() if "description" in values else None
        intent = Intent(
            id=path.stem,
            description=description or "",
            passages=tuple(dict.fromkeys(passage for _, passage in cited if passage)),
            template=values["template"].choice(templates) if "template" in values else None,
            handoff=IntentHandoff(handoff) if handoff else None,
            examples=_texts(texts),
        )
        found[intent.id] = (intent, texts)
    if not found:
        problems.append(Problem("intents", 1, "no intents: write at least one intents/INTENT.yaml"))
    return list(found.values())


def _out_of_scope(root: Value | None, languages: Collection[str]) -> dict[str, list[Value]]:
    values = root.fields(("examples",)) if root else {}
    if "examples" not in values:
        return {}
    return {
        language: _variants(value) for language, value in values["examples"].by_language(languages).items()
    }


def _policies(root: Value | None) -> Policies:
    values = root.fields((), tuple(_POLICY_RANGES)) if root else {}
    numbers = {key: value.integer(*_POLICY_RANGES[key]) for key, value in values.items()}
    return Policies(**{key: number for key, number in numbers.items() if number is not None})


def _optional_file(files: Mapping[str, bytes], name: str, problems: list[Problem]) -> Value | None:
    return parse(name, files[name], problems) if name in files else None


def _known(
    files: Mapping[str, bytes], header: _Header, passage_ids: Collection[str], problems: list[Problem]
) -> pictures.Known:
    known = pictures.Known(header.languages, passage_ids, header.products, header.kinds)
    root = _optional_file(files, pictures.PICTURES, problems)
    found = pictures.read_pictures(root, files, known, problems)
    return replace(known, pictures=found)


def _evaluation(
    root: Value | None, known: pictures.Known, intent_ids: Collection[str]
) -> tuple[list[tuple[EvaluationQuestion, Value]], list[tuple[EvaluationPair, Value]]]:
    questions: list[tuple[EvaluationQuestion, Value]] = []
    listed = root.fields((), ("questions", "showing")) if root else {}
    if root and not listed:
        root.report("nothing is held out here: write questions, showing or both")
    for entry in listed["questions"].items() if "questions" in listed else []:
        values = entry.fields(("question", "language"), ("passage", "intent"))
        if not {"passage", "intent"} & values.keys():
            entry.report(
                "say what answers: passage: ID, intent: ID, or passage: null for what is not covered"
            )
        question = values["question"].text() if "question" in values else None
        language = values["language"].choice(known.languages) if "language" in values else None
        passage = _optional(values.get("passage"), known.passages)
        intent = _optional(values.get("intent"), intent_ids)
        if question and language:
            questions.append((EvaluationQuestion(question, language, passage, intent), values["question"]))
    return questions, pictures.read_evaluation_pairs(listed.get("showing"), known)


def _optional(value: Value | None, known: Collection[str]) -> str | None:
    return None if value is None or value.is_null() else value.choice(known)


def _texts(values: Mapping[str, list[Value]]) -> dict[str, tuple[str, ...]]:
    return {language: tuple(item.text() or "" for item in items) for language, items in values.items()}

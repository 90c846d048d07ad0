"""Every fault of a domain folder is named with its file and line."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from services.dialogue.domain.loader import load_domain, load_files
from services.dialogue.domain.problems import DomainError, Problem
from tests.fakes.domain_folder import domain_files, replaced


def faults(files: Mapping[str, bytes]) -> tuple[Problem, ...]:
    with pytest.raises(DomainError) as caught:
        load_files(files)
    return caught.value.problems


def test_a_right_folder_loads(tmp_path: Path) -> None:
    for name, content in domain_files().items():
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(content)
    (tmp_path / "README.md").write_text("for people")
    (tmp_path / ".DS_Store").write_bytes(b"\0")

    domain = load_domain(tmp_path)

    assert domain.labels == ("greeting", "order_change", "person", "out_of_scope")
    assert [p.id for p in domain.passages if p.language == "zh"] == [
        "order-address",
        "order-cancel",
        "warranty",
    ]
    assert domain.passages[2].text == "You can cancel within 30 minutes."
    assert domain.policies.max_clarifications == 2
    assert domain.evaluation[0].passage == "order-cancel"
    assert domain.version.startswith("kiosk@")


def test_the_version_is_the_content_without_the_evaluation() -> None:
    version = load_files(domain_files()).version

    assert load_files(replaced("evaluation.yaml", "undo", "revoke")).version == version
    assert load_files(replaced("policies.yaml", "max_options: 3", "max_options: 4")).version != version


@pytest.mark.parametrize(
    ("name", "old", "new", "line", "words"),
    [
        ("domain.yaml", "languages:", "langauges:", 3, "unknown key 'langauges' (do you mean 'languages'?)"),
        ("domain.yaml", "name: kiosk", "name: Kiosk!", 1, "'name' is 'Kiosk!'"),
        ("domain.yaml", "[en, zh]", "[en, fr]", 3, "'fr', which does not exist"),
        (
            "domain.yaml",
            "{en: Kiosk, zh: 小店}",
            "{en: Kiosk}",
            2,
            "translation missing: 'company' has no 'zh'",
        ),
        ("passages/orders.en.md", "## Warranty {#warranty}", "## Warranty", 11, "not a passage's heading"),
        (
            "passages/orders.en.md",
            "{#warranty}",
            "{#order-cancel}",
            11,
            "stands twice (first in passages/orders.en.md:3)",
        ),
        (
            "passages/orders.en.md",
            "Two years from the day of purchase.",
            "",
            11,
            "passage 'warranty' is empty",
        ),
        ("passages/orders.zh.md", "{#warranty}", "{#guarantee}", 11, "passage 'guarantee' has no en"),
        ("intents/order_change.yaml", "order-address]", "order-adress]", 3, "(do you mean 'order-address'?)"),
        ("intents/order_change.yaml", "id: order_change", "id: change", 1, "must equal the file's name"),
        ("intents/order_change.yaml", "passages:", "pasages:", 3, "(do you mean 'passages'?)"),
        (
            "intents/greeting.yaml",
            "template: greeting",
            "template: greetings",
            3,
            "(do you mean 'greeting'?)",
        ),
        ("intents/person.yaml", "handoff: requested", "handoff: maybe", 3, "'maybe', which does not exist"),
        ("intents/person.yaml", '    - "my human cable question"\n', "", 6, "too few examples in 'en': 19"),
        (
            "intents/person.yaml",
            "my human cable question",
            "My order cable question!",
            13,
            "the same utterance as intents/order_change.yaml:13",
        ),
        (
            "intents/person.yaml",
            "what about human and a cable?",
            "what about order and an cable?",
            23,
            "nearly the same utterance as intents/order_change.yaml:23",
        ),
        ("out_of_scope.yaml", '    - "my weather battery question"\n', "", 3, "write at least 40"),
        (
            "templates.yaml",
            "{options}?",
            "{option}?",
            2,
            "unknown placeholder {option} (do you mean 'options'?)",
        ),
        ("templates.yaml", "Do you mean {options}?", "Do you mean?", 2, "placeholder {options} is missing"),
        ("templates.yaml", "Hello, this is {company}.", "Hello {", 1, "braces that are meant"),
        ("templates.yaml", "handoff_policy:", "handof_policy:", 1, "template 'handoff_policy' is missing"),
        ("policies.yaml", "max_options: 3", "max_options: many", 2, "a whole number from 2 to 5"),
        ("policies.yaml", "max_options: 3", "max_clarifications: 1", 2, "stands twice"),
        ("policies.yaml", "max_options: 3", "max_options: [3", 3, "broken YAML"),
        (
            "policies.yaml",
            "max_clarifications: 2",
            "max_clarifications: " + "[" * 5000,
            1,
            "nested too deeply",
        ),
        ("evaluation.yaml", "undo my purchase", "my order battery question", 2, "not held out: trained on"),
        (
            "evaluation.yaml",
            "passage: order-cancel",
            "passage: order-cancle",
            2,
            "(do you mean 'order-cancel'?)",
        ),
    ],
)
def test_a_fault_is_named_with_file_and_line(name: str, old: str, new: str, line: int, words: str) -> None:
    found = faults(replaced(name, old, new))

    assert any(p.file == name and p.line == line and words in p.message for p in found), list(map(str, found))


@pytest.mark.parametrize(
    "name", [name for name in domain_files() if name.split("/")[0] not in {"intents", "evaluation.yaml"}]
)
def test_a_missing_file_is_named(name: str) -> None:
    files = {key: value for key, value in domain_files().items() if key != name}
    assert any("missing" in problem.message for problem in faults(files))


def test_all_faults_are_found_in_one_go() -> None:
    files = dict(replaced("templates.yaml", "{options}?", "{option}?"))
    files["policies.yaml"] = b"max_optoins: 3\n"
    files["intents/greeting.yml"] = b""
    files["passages/latin1.en.md"] = "# Topic\n\n## Caf\xe9 {#cafe}\n\nText.\n".encode("latin-1")

    found = {(problem.file, problem.line) for problem in faults(files)}

    assert {
        ("templates.yaml", 2),
        ("policies.yaml", 1),
        ("intents/greeting.yml", 1),
        ("passages/latin1.en.md", 3),
    } <= found


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(DomainError, match="no such folder"):
        load_domain(tmp_path / "nowhere")

"""Questions and their passages, from a company's folder and from public files."""

import json
from pathlib import Path
from typing import Any

import pytest

from services.dialogue.domain.loader import load_files
from tests.fakes.domain_folder import domain_files
from training.data.examples import DataError
from training.reranker.data import abcd, chunked, cmrc2018, domain_corpus


def test_an_utterance_is_answered_by_its_intents_passages_in_its_language() -> None:
    domain = load_files(domain_files())

    found = domain_corpus(domain)

    assert len(found.passages) == len(domain.passages)
    for question in found.of("train") + found.of("validation"):
        named = {(found.passages[place].language, found.passages[place].id) for place in question.answers}
        intents = [i for i in domain.intents if question.text in i.examples[question.language]]
        assert named == {(question.language, passage) for intent in intents for passage in intent.passages}
    asked = {q.question for q in domain.evaluation if q.passage}
    assert {question.text for question in found.of("test")} == asked
    assert asked.isdisjoint(question.text for question in found.of("train"))


def write_cmrc(folder: Path, **changed: Any) -> None:
    target = folder / "cmrc2018" / "squad-style-data"
    target.mkdir(parents=True)
    first, second = "甲" * 150 + "。", "乙" * 150 + "城。"
    for name in ("dev", "trial"):
        asked = {"question": f"{name}在哪？", "answers": [{"text": "城", "answer_start": len(first) + 150}]}
        lost = {"question": "没有？", "answers": [{"text": "丁", "answer_start": 9999}]}
        paragraph = {"id": name, "context": first + second, "qas": [asked, lost], **changed}
        content = {"data": [{"title": "城市", "paragraphs": [paragraph]}]}
        (target / f"cmrc2018_{name}.json").write_text(json.dumps(content), encoding="utf-8")


def test_an_article_is_cut_and_the_part_with_the_answer_is_right(tmp_path: Path) -> None:
    write_cmrc(tmp_path)

    found = cmrc2018(tmp_path)

    assert [len(passage.text) for passage in found.passages] == [151, 152, 151, 152]
    assert [(q.text, q.answers, q.split == "test") for q in found.questions] == [
        ("dev在哪？", frozenset({1}), False),
        ("trial在哪？", frozenset({3}), True),
    ]


def test_pieces_are_whole_sentences_and_together_the_text() -> None:
    text = "一二三。四五六！七八九？" + "长" * 30 + "。尾"

    pieces = chunked(text, 8)

    assert "".join(pieces) == text
    assert pieces == ["一二三。四五六！", "七八九？", "长" * 30 + "。", "尾"]
    assert chunked("") == []


def test_a_case_is_looked_up_by_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "abcd_kb" / "data"
    folder.mkdir(parents=True)
    step = {"text": "Ask for the name using [Pull up Account].", "subtext": ["Order ID"]}
    flow = {
        "description": "refunds",
        "subflows": {"Update Refund": {"instructions": ["First."], "actions": [step]}},
    }
    (folder / "guidelines.json").write_text(json.dumps({"Product Defect": flow}), encoding="utf-8")

    found = abcd(tmp_path)

    assert [q.text for q in found.questions] == ["Update Refund: refunds"]
    assert found.passages[0].text == "First. Ask for the name using Pull up Account. Order ID"


def test_what_cannot_be_read_names_its_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cmrc2018_dev\.json: cannot be read"):
        cmrc2018(tmp_path)
    with pytest.raises(DataError, match=r"guidelines\.json: cannot be read"):
        abcd(tmp_path)
    write_cmrc(tmp_path, context=None)
    with pytest.raises(DataError, match=r"cmrc2018_dev\.json: is not in SQuAD's form"):
        cmrc2018(tmp_path)

"""Language, sentences, choices and templates: what is done with the words themselves."""

import pytest

from services.dialogue.answers import deltas, listed, template
from services.dialogue.choices import chosen
from services.dialogue.domain.loader import load_files
from services.dialogue.language import known_language, tell_language
from services.dialogue.quoting import quote, sentences
from services.serving.errors import InvalidArgument
from tests.fakes.dialogue import word_splitter
from tests.fakes.domain_folder import domain_files

WORDS = word_splitter()
TITLES = ["Cancelling an order", "Changing the address of an order", "Returning a router"]
TITEL_ZH = ["取消订单", "修改收货地址", "路由器退货"]


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Where is my order?", "en"),
        ("我的订单到哪了", "zh"),
        ("R6路由器怎么连WiFi", "zh"),
        ("I bought 小米 yesterday and want my money back", "en"),
        ("12345 ???", "en"),
        ("", "en"),
    ],
)
def test_the_script_tells_the_language(text: str, language: str) -> None:
    assert tell_language(text, ("en", "zh"), "en") == language


def test_a_language_that_the_domain_lacks_becomes_the_default() -> None:
    assert tell_language("我的订单", ("en",), "en") == "en"


@pytest.mark.parametrize(("code", "language"), [("zh-CN", "zh"), ("EN_us", "en"), ("cmn-Hans-CN", "zh")])
def test_codes_with_regions(code: str, language: str) -> None:
    assert known_language(code, ("en", "zh"), "language_code") == language


def test_an_unknown_code_is_refused() -> None:
    with pytest.raises(InvalidArgument) as caught:
        known_language("fr", ("en", "zh"), "input.language_code")
    assert caught.value.violations[0].field == "input.language_code"


def test_words_are_stemmed_and_mandarin_is_segmented() -> None:
    assert WORDS.split("The routers are BLINKING, error NET-12!", "en") == (
        "router",
        "blink",
        "error",
        "net",
        "12",
    )
    assert {"路由", "路由器", "r6"} <= set(WORDS.split("R6路由器？", "zh"))
    assert WORDS.split("？！", "zh") == WORDS.split("?!", "en") == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It costs 3.50 dollars. Ship it! Why? OK", ["It costs 3.50 dollars.", "Ship it!", "Why?", "OK"]),
        (
            "下单后三十分钟内可以取消。超时请联系客服！好吗？",
            ["下单后三十分钟内可以取消。", "超时请联系客服！", "好吗？"],
        ),
        ("他说：“可以。”然后走了。", ["他说：“可以。”然后走了。"]),
        ("First line\nSecond line", ["First line", "Second line"]),
        ("", []),
    ],
)
def test_sentences(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


def test_no_word_is_lost_or_added() -> None:
    text = 'Hold the button for 5 s. "Wait" until 2.4 GHz blinks. (It may take a minute.) Then e.g. restart.'
    assert " ".join(sentences(text)) == text


def test_short_passages_are_quoted_whole() -> None:
    assert quote("One. Two. Three.", ["two"], str.split, 3) == ["One.", "Two.", "Three."]


def test_the_quote_is_where_the_question_is_answered() -> None:
    text = (
        "Plug the router in. Wait for a minute. Open the app. Tap the plus sign. "
        "To reset the password, hold the button. It blinks."
    )

    def split(words: str) -> tuple[str, ...]:
        return WORDS.split(words, "en")

    assert quote(text, split("how do I reset my password"), split, 2) == [
        "To reset the password, hold the button.",
        "It blinks.",
    ]
    assert quote(text, split("unrelated"), split, 2) == ["Plug the router in.", "Wait for a minute."]


@pytest.mark.parametrize(
    ("reply", "position"),
    [
        ("the second one", 1),
        ("2", 1),
        ("number 3", 2),
        ("The last one, please.", 2),
        ("first", 0),
        ("1st one", 0),
        ("returning a router", 2),
        ("I mean changing the address", 1),
        ("the fourth", None),
        ("none of them", None),
        ("yes", None),
        ("order", None),
        ("what is the weather like at the second beach in the north of spain today", None),
        ("", None),
    ],
)
def test_choices_in_english(reply: str, position: int | None) -> None:
    assert chosen(reply, TITLES, lambda text: WORDS.split(text, "en")) == position


@pytest.mark.parametrize(
    ("reply", "position"),
    [
        ("第二个", 1),
        ("二", 1),
        ("第1个", 0),
        ("最后一个吧", 2),
        ("取消订单", 0),
        ("我要修改地址", 1),
        ("第五个", None),
        ("都不是", None),
    ],
)
def test_choices_in_mandarin(reply: str, position: int | None) -> None:
    assert chosen(reply, TITEL_ZH, lambda text: WORDS.split(text, "zh")) == position


@pytest.mark.parametrize("reply", ["yes", "Right!", "是的", "对"])
def test_yes_takes_the_only_option(reply: str) -> None:
    assert chosen(reply, ["Cancelling an order"], lambda text: WORDS.split(text, "en")) == 0


def test_templates_take_turns_and_are_filled() -> None:
    domain = load_files(domain_files())
    assert template(domain, "greeting", "zh", 3) == ["您好，这里是小店。"]
    assert template(domain, "ask_back", "en", 0, ["A", "B", "C"]) == ["Do you mean “A”, “B” or “C”?"]


def test_options_in_a_sentence() -> None:
    assert listed(["A"], "en") == "“A”"
    assert listed(["甲", "乙"], "zh") == "“甲”还是“乙”"
    assert listed([], "en") == ""


def test_deltas_join_to_the_answer() -> None:
    assert "".join(deltas(["One.", "Two."], "en")) == "One. Two."
    assert "".join(deltas(["一。", "二。"], "zh")) == "一。二。"

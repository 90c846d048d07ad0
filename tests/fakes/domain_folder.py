"""A small, right domain folder, to be broken by tests."""

from collections.abc import Mapping

_TOPICS = (
    "battery",
    "parcel",
    "invoice",
    "password",
    "screen",
    "refund",
    "voucher",
    "cable",
    "router",
    "speaker",
)


def _examples(*subjects: str) -> str:
    lines = ["examples:"]
    english = ("my {s} {t} question", "what about {s} and a {t}?")
    mandarin = ("关于{s}的{t}问题", "请问{t}和{s}怎么办呢")
    for language, patterns in (("en", english), ("zh", mandarin)):
        lines.append(f"  {language}:")
        lines += [
            f'    - "{pattern.format(s=subject, t=topic)}"'
            for pattern in patterns
            for subject in subjects
            for topic in _TOPICS
        ]
    return "\n".join(lines)


def domain_files() -> dict[str, bytes]:
    """Give the files of a domain with three passages and three intents that has no fault."""
    out_of_scope = _examples("weather", "song")
    texts = {
        "domain.yaml": "name: kiosk\ncompany: {en: Kiosk, zh: 小店}\nlanguages: [en, zh]\n"
        "default_language: en\n",
        "passages/orders.en.md": "# Orders\n\n"
        "## Cancelling an order {#order-cancel}\n\nYou can cancel within 30 minutes.\n"
        "\n## Changing the address {#order-address}\n\nWrite to us before the parcel leaves.\n"
        "\n## Warranty {#warranty}\n\nTwo years from the day of purchase.\n",
        "passages/orders.zh.md": "# 订单\n\n## 取消订单 {#order-cancel}\n\n下单后三十分钟内可以取消。\n"
        "\n## 修改地址 {#order-address}\n\n请在发货前联系我们。\n"
        "\n## 保修 {#warranty}\n\n自购买之日起两年。\n",
        "intents/order_change.yaml": "id: order_change\ndescription: Changes an order.\n"
        "passages: [order-cancel, order-address]\n" + _examples("order"),
        "intents/greeting.yaml": "id: greeting\ndescription: Says hello.\ntemplate: greeting\n"
        + _examples("hello"),
        "intents/person.yaml": "id: person\ndescription: Wants a person.\nhandoff: requested\n"
        + _examples("human"),
        "out_of_scope.yaml": out_of_scope,
        "templates.yaml": "\n".join(
            f'{name}: {{en: ["{english}"], zh: ["{mandarin}"]}}'
            for name, english, mandarin in (
                ("greeting", "Hello, this is {company}.", "您好，这里是{company}。"),
                ("ask_back", "Do you mean {options}?", "您是指{options}吗？"),
                ("ask_for_question", "What can I do for you?", "请问有什么可以帮您？"),
                ("handoff_requested", "I will connect you.", "我为您转接。"),
                ("handoff_unknown", "I do not know that.", "这个我不知道。"),
                ("already_handed_off", "A colleague is with you.", "同事已经接手。"),
                ("handoff_policy", "A colleague will see to this.", "同事会处理。"),
            )
        ),
        "policies.yaml": "max_clarifications: 2\nmax_options: 3\n",
        "evaluation.yaml": "questions:\n"
        "  - {question: undo my purchase, language: en, passage: order-cancel}\n",
    }
    return {name: text.encode() for name, text in texts.items()}


def replaced(name: str, old: str, new: str) -> Mapping[str, bytes]:
    """Give the files with ``old`` replaced in one of them; ``old`` must be there."""
    files = domain_files()
    text = files[name].decode()
    if old not in text:
        raise AssertionError(f"{old!r} is not in {name}")
    return {**files, name: text.replace(old, new, 1).encode()}

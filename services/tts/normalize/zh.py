"""Mandarin: numbers, money, dates, times, units and codes as characters."""

import re
from collections.abc import Callable

import cn2an

from services.tts.normalize import codes

_NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
_DIGITS = "零一二三四五六七八九"
_CURRENCIES = {
    "¥": "元",
    "￥": "元",
    "CNY": "元",
    "RMB": "元",
    "$": "美元",
    "US$": "美元",
    "USD": "美元",
    "€": "欧元",
    "EUR": "欧元",
    "£": "英镑",
    "GBP": "英镑",
    "HK$": "港元",
}
_UNITS = {
    "km/h": "公里每小时",
    "km": "公里",
    "cm": "厘米",
    "mm": "毫米",
    "m": "米",
    "kg": "公斤",
    "g": "克",
    "mg": "毫克",
    "ml": "毫升",
    "mL": "毫升",
    "L": "升",
    "GB": "G B",
    "MB": "M B",
    "TB": "T B",
    "GHz": "吉赫兹",
    "MHz": "兆赫兹",
    "Hz": "赫兹",
    "mAh": "毫安时",
    "kWh": "千瓦时",
    "kW": "千瓦",
    "W": "瓦",
    "V": "伏",
    "A": "安",
    "Mbps": "兆每秒",
    "h": "小时",
    "min": "分钟",
    "s": "秒",
    "ms": "毫秒",
}
_MEASURES = (
    "个位只件条张次天小周年种部台套本把双份层家名元块分秒斤公米页步遍款笔遭瓶盒箱组根颗支倍"  # 两个, not 二个
)
_SYMBOLS = {
    "&": "和",
    "+": "加",
    "=": "等于",
    "@": "艾特",
    "#": "号",
    "×": "乘",
    "°": "度",
    "→": "，",
    "≥": "大于等于",
    "≤": "小于等于",
    "℃": "摄氏度",
    "~": "到",
    "～": "到",
}


def spoken(text: str) -> str:
    """The characters of one sentence or clause; English words in it stay English."""
    text = codes.clean(text)
    end = "，" if text.endswith("，") else ""  # a clause ends there, and its voice does not fall
    for pattern, read in _RULES:
        text = pattern.sub(read, text)
    for symbol, word in _SYMBOLS.items():
        text = text.replace(symbol, word)
    text = re.sub(r"，\s*(?=[，。！？；：、,.!?;:]|$)", "", text)
    return re.sub(r"\s+", " ", text).strip() + end


def _cardinal(number: str) -> str:
    """A quantity: 零 to 亿, decimals digit by digit."""
    whole, _, fraction = number.replace(",", "").partition(".")
    if len(whole) > 15:
        return _digits(whole) + (f"点{_digits(fraction)}" if fraction else "")
    words = str(cn2an.an2cn(int(whole), "low"))
    if words.startswith("一十"):
        words = words[1:]
    words = re.sub(r"^二(?=[百千万亿])", "两", words)
    words = re.sub(r"(?<=[万亿零])二(?=[千百])", "两", words)
    return f"{words}点{_digits(fraction)}" if fraction else words


def _counted(number: str) -> str:
    """A quantity before a measure word."""
    return "两" if number == "2" else _cardinal(number)


def _digits(text: str) -> str:
    return "".join(_DIGITS[int(digit)] for digit in text)


def _telephone_digits(text: str) -> str:
    """As phone and order numbers are read: 1 as 幺, which is not mistaken for 七."""
    return _digits(text).replace("一", "幺")


def _code(found: re.Match[str]) -> str:
    parts = [
        _telephone_digits(part) if part.isdigit() else f" {' '.join(part.upper())} "
        for part in codes.groups(found.group())
    ]
    return "，".join(part.strip() for part in parts).join((" ", "，"))


def _labelled(found: re.Match[str]) -> str:
    # After 是 the pause keeps 四 apart from it.
    pause = "，" if found.group(1)[-1] in "是为" else ""
    return f"{found.group(1)}{pause}{_telephone_digits(found.group(2))}"


def _phone(found: re.Match[str]) -> str:
    words = "，".join(_telephone_digits(part) for part in codes.groups(found.group()))
    return f"加{words}" if found.group().startswith("+") else words


def _mobile(found: re.Match[str]) -> str:
    return "，".join(_telephone_digits(part) for part in found.groups())


def _address(found: re.Match[str]) -> str:
    text = re.sub(r"^https?://(www\.)?|^www\.", "", found.group()).rstrip("./?!,;:")
    names = {".": " 点 ", "/": " 斜杠 ", "@": " 艾特 ", "-": " 横杠 ", "_": " 下划线 ", "+": " 加 "}
    text = re.sub(r"[./@_+-]", lambda sign: names[sign.group()], text)
    return re.sub(r"\d+", lambda number: _telephone_digits(number.group()), text)


def _date(found: re.Match[str]) -> str:
    year, month, day = found.groups()
    if not (1 <= int(month) <= 12 and 1 <= int(day) <= 31):
        return found.group()
    return f"{_digits(year)}年{_cardinal(month)}月{_cardinal(day)}日"


def _time(found: re.Match[str]) -> str:
    hour, minute, second = found.groups()
    if int(hour) > 24 or int(minute) > 59:
        return found.group()
    words = f"{_counted(str(int(hour)))}点"
    if int(minute):
        words += f"{'零' if int(minute) < 10 else ''}{_cardinal(str(int(minute)))}分"
    elif not second:
        words += "整"
    return words + (f"{_cardinal(str(int(second)))}秒" if second else "")


def _money(found: re.Match[str]) -> str:
    groups = found.groupdict()
    unit = _CURRENCIES[groups["before"] or groups["after"]]
    number = (groups["amount"] or groups["amount_after"]).replace(",", "")
    scale = groups.get("scale") or ""
    if unit == "元" and not scale:
        return _yuan(number)
    return f"{_counted(number)}{scale}{unit}"


def _yuan(number: str) -> str:
    whole, _, fraction = number.partition(".")
    tenths, hundredths = (int(digit) for digit in (fraction + "00")[:2])
    words = f"{_counted(whole)}元" if int(whole) or not (tenths or hundredths) else ""
    if tenths:
        words += f"{_counted(str(tenths)) if not hundredths else _cardinal(str(tenths))}角"
    elif hundredths and words:
        words += "零"
    return words + (f"{_cardinal(str(hundredths))}分" if hundredths else "")


def _decimal_yuan(found: re.Match[str]) -> str:
    return _yuan(found.group(1).replace(",", ""))


def _ratio(found: re.Match[str]) -> str:
    return f"{_cardinal(found.group(1))}比{_cardinal(found.group(2))}"


def _unit(found: re.Match[str]) -> str:
    return f"{_counted(found.group(1))}{_UNITS[found.group(2)]}"


def _temperature(found: re.Match[str]) -> str:
    scale = "华氏" if found.group(3) in {"°F", "℉"} else ""
    return (
        f"{'零下' if found.group(1) else ''}{scale}{_cardinal(found.group(2))}{'度' if scale else '摄氏度'}"
    )


def _alternatives(words: dict[str, str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


_LABEL = (
    "订单号|订单|单号|编号|号码|工单|工单号|验证码|尾号|序列号|发票号|账号|卡号|热线|电话|客服|密码|拨打|致电"
)
_Read = Callable[[re.Match[str]], str]
_RULES: tuple[tuple[re.Pattern[str], _Read], ...] = (
    (codes.EMAIL, _address),
    (codes.URL, _address),
    (re.compile(r"(?<!\d)(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?![\d.])"), _date),
    (codes.CODE, _code),
    (re.compile(r"(?<!\d)(1[3-9]\d)(\d{4})(\d{4})(?!\d)"), _mobile),
    (re.compile(r"(?<![\d.])([48]00)-?(\d{3})-?(\d{4})(?!\d)"), _mobile),
    (codes.CARD, _phone),
    (codes.YEARS, lambda found: f"{_digits(found.group(1))}到{_digits(found.group(2))}"),
    (codes.PHONE, _phone),
    (
        re.compile(rf"((?:{_LABEL})(?:是|为)?[：:]?\s?)#?(\d{{3,}})(?![\d.]|元)"),
        _labelled,
    ),
    (re.compile(r"#(\d{3,})"), lambda found: f"{_telephone_digits(found.group(1))}"),
    (
        re.compile(
            r"(?<=[\d%点分时月日号元])\s?[-–—~～至]\s?"
            rf"(?=(?:{_alternatives(_CURRENCIES)})? ?\d|[上中下]午|晚上|凌晨)"
        ),
        lambda found: "到",
    ),
    (re.compile(r"(?<![\w])[~～](?=\d)"), lambda found: "约"),
    (
        re.compile(r"(?<![\d.:/-])0\d+(?![.:/-]?\d|[月日号点时分秒])"),
        lambda found: _telephone_digits(found.group()),
    ),
    (codes.LONG_NUMBER, lambda found: _telephone_digits(found.group())),
    (re.compile(r"(?<!\d)(\d{4})(?=年(?!内|以|后|前|之))"), lambda found: _digits(found.group(1))),
    (re.compile(r"(?<![\d:])(\d{1,2}):(\d{2})(?::(\d{2}))?(?![\d:])"), _time),
    (re.compile(r"(?<![\d:.])(\d{1,2}):(\d{1,2})(?![\d:.])"), _ratio),
    (
        re.compile(
            rf"(?P<before>{_alternatives(_CURRENCIES)}) ?(?P<amount>{_NUMBER})(?P<scale>[万亿])?元?"
            rf"|(?P<amount_after>{_NUMBER}) ?(?P<after>{_alternatives(_CURRENCIES)})(?![A-Za-z])"
        ),
        _money,
    ),
    (re.compile(r"(?<![\d,])((?:\d{1,3}(?:,\d{3})+|\d+)\.\d{1,2})元"), _decimal_yuan),
    (re.compile(rf"(-)?({_NUMBER}) ?(°C|°F|℃|℉)"), _temperature),
    (re.compile(rf"({_NUMBER}) ?%"), lambda found: f"百分之{_cardinal(found.group(1))}"),
    (
        re.compile(r"(?<![\d.])(\d{1,2})/(\d{1,2})(?![\d/])"),
        lambda found: f"{_cardinal(found.group(2))}分之{_cardinal(found.group(1))}",
    ),
    (re.compile(rf"({_NUMBER}) ?({_alternatives(_UNITS)})(?![A-Za-z])"), _unit),
    (re.compile(r"(?<=[A-Za-z])-(?=[A-Za-z])"), lambda found: "-"),
    (re.compile(r"(?<![\w])-(?=\d)"), lambda found: "负"),
    (re.compile(r"第(\d+)"), lambda found: f"第{_cardinal(found.group(1))}"),
    (
        re.compile(r"(?<!\d)(\d+)(?:\.(\d+)){2,}"),
        lambda found: "点".join(_cardinal(n) for n in found.group().split(".")),
    ),
    (re.compile(rf"(?<![\d.])2(?=\s?[{_MEASURES}])"), lambda found: "两"),
    (re.compile(_NUMBER), lambda found: _cardinal(found.group())),
    (re.compile(r"(?<=[\u4e00-\u9fff])/(?=[\u4e00-\u9fff])"), lambda found: "或"),
)

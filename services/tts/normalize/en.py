"""English: numbers, money, dates, times, units, codes and abbreviations as words."""

import re
from collections.abc import Callable

from num2words import num2words

from services.tts.normalize import codes

_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_MONTH = "|".join(f"{name}|{name[:3]}\\.?" for name in _MONTHS) + r"|Sept\.?"
_NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
_CURRENCIES = {
    "$": ("dollar", "cent"),
    "USD": ("dollar", "cent"),
    "US$": ("dollar", "cent"),
    "€": ("euro", "cent"),
    "EUR": ("euro", "cent"),
    "£": ("pound", "penny"),
    "GBP": ("pound", "penny"),
    "¥": ("yuan", ""),
    "￥": ("yuan", ""),
    "CNY": ("yuan", ""),
    "RMB": ("yuan", ""),
}
_UNITS = {
    "km/h": "kilometer per hour",
    "km": "kilometer",
    "cm": "centimeter",
    "mm": "millimeter",
    "m": "meter",
    "kg": "kilogram",
    "g": "gram",
    "mg": "milligram",
    "lb": "pound",
    "lbs": "pound",
    "oz": "ounce",
    "ml": "milliliter",
    "L": "liter",
    "ft": "foot",
    "in": "inch",
    "GB": "gigabyte",
    "MB": "megabyte",
    "TB": "terabyte",
    "KB": "kilobyte",
    "Mbps": "megabit per second",
    "Gbps": "gigabit per second",
    "GHz": "gigahertz",
    "MHz": "megahertz",
    "kHz": "kilohertz",
    "Hz": "hertz",
    "mAh": "milliamp hour",
    "Wh": "watt hour",
    "kWh": "kilowatt hour",
    "W": "watt",
    "kW": "kilowatt",
    "V": "volt",
    "A": "amp",
    "dB": "decibel",
    "h": "hour",
    "hr": "hour",
    "hrs": "hour",
    "min": "minute",
    "mins": "minute",
    "s": "second",
    "sec": "second",
    "ms": "millisecond",
}
_PLURALS = {
    "foot": "feet",
    "inch": "inches",
    "hertz": "hertz",
    "gigahertz": "gigahertz",
    "megahertz": "megahertz",
    "kilohertz": "kilohertz",
    "penny": "pence",
    "yuan": "yuan",
}
_ABBREVIATIONS = {
    "e.g.": "for example",
    "i.e.": "that is",
    "etc.": "and so on",
    "approx.": "approximately",
    "vs.": "versus",
    "Mr.": "Mister",
    "Mrs.": "Missis",
    "Ms.": "Miz",
    "Dr.": "Doctor",
    "Prof.": "Professor",
    "Inc.": "Incorporated",
    "Ltd.": "Limited",
    "St.": "Street",
    "Ave.": "Avenue",
    "Dept.": "Department",
    "incl.": "including",
    "excl.": "excluding",
    "max.": "maximum",
    "min.": "minimum",
    "w/o": "without",
    "w/": "with",
    "a.m.": "AM",
    "p.m.": "PM",
    "ASAP": "as soon as possible",
    "vs": "versus",
}
_SYMBOLS = {
    "&": " and ",
    "+": " plus ",
    "=": " equals ",
    "@": " at ",
    "#": " number ",
    "×": " by ",
    "°": " degrees ",
    "/": " or ",
    "→": ", ",
    "≥": " at least ",
    "≤": " at most ",
    "÷": " divided by ",
    "~": " about ",
}
_DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
_FRACTIONS = {"2": "half", "3": "third", "4": "quarter"}


def spoken(text: str) -> str:
    """The words of one sentence; what is words already stays as it is."""
    text = codes.clean(text)
    for pattern, read in _RULES:
        text = pattern.sub(read, text)
    for symbol, word in _SYMBOLS.items():
        text = text.replace(symbol, word)
    text = re.sub(r"\s+([,.;:!?])", r"\1", re.sub(r"\s+", " ", text).replace(",'", "'"))
    return re.sub(r"(,\s*)+([,.;:!?])", r"\2", text).strip()


def _plural(unit: str, one: bool) -> str:
    if one:
        return unit
    head, per, rest = unit.partition(" per ")
    return _PLURALS.get(head, f"{head}s") + per + rest


def _cardinal(number: str) -> str:
    whole, _, fraction = number.replace(",", "").partition(".")
    words = str(num2words(int(whole))).replace(",", "")
    return f"{words} point {_digits(fraction)}" if fraction else words


def _digits(text: str) -> str:
    return " ".join(_DIGITS[int(digit)] for digit in text)


def _year(number: str) -> str:
    return str(num2words(int(number), to="year")).replace("-", " ")


def _ordinal(number: str) -> str:
    return str(num2words(int(number), to="ordinal"))


def _code(found: re.Match[str]) -> str:
    parts = [
        _digits(part) if part.isdigit() else " ".join(part.upper()) for part in codes.groups(found.group())
    ]
    return ", ".join(parts) + ","


def _labelled(found: re.Match[str]) -> str:
    return f"{found.group(1)} {_digits(found.group(2))}"


def _phone(found: re.Match[str]) -> str:
    words = ", ".join(_digits(part) for part in codes.groups(found.group()))
    return f"plus {words}" if found.group().startswith("+") else words


def _address(found: re.Match[str]) -> str:
    text = re.sub(r"^https?://(www\.)?|^www\.", "", found.group()).rstrip("./?!,;:")
    end = found.group()[len(found.group().rstrip(".?!,;:")) :]
    names = {".": " dot ", "/": " slash ", "@": " at ", "-": " dash ", "_": " underscore ", "+": " plus "}
    text = re.sub(r"[./@_+-]", lambda sign: names[sign.group()], text)
    text = re.sub(r"\d+", lambda number: f" {_digits(number.group())} ", text)
    return re.sub(r"[^\w\s]", " ", text) + end


def _date(year: str, month: int, day: int, original: str) -> str:
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return original
    return f"{_MONTHS[month - 1]} {_ordinal(str(day))}" + (f", {_year(year)}" if year else "")


def _iso_date(found: re.Match[str]) -> str:
    return _date(found.group(1), int(found.group(2)), int(found.group(3)), found.group())


def _us_date(found: re.Match[str]) -> str:
    month, day = int(found.group(1)), int(found.group(2))
    if month > 12:
        month, day = day, month
    return _date(found.group(3), month, day, found.group())


def _month(name: str) -> str:
    return next(month for month in _MONTHS if month.startswith(name[:3]))


def _month_day(found: re.Match[str]) -> str:
    year = f", {_year(found.group(3))}" if found.group(3) else ""
    return f"{_month(found.group(1))} {_ordinal(found.group(2))}{year}"


def _day_month(found: re.Match[str]) -> str:
    year = f", {_year(found.group(3))}" if found.group(3) else ""
    return f"the {_ordinal(found.group(1))} of {_month(found.group(2))}{year}"


def _time(found: re.Match[str]) -> str:
    hour, minute, half = int(found.group(1)), int(found.group(2) or 0), (found.group(3) or "").upper()
    if hour > 24 or minute > 59:
        return found.group()
    words = _cardinal(str(hour))
    if minute:
        words += f" {'oh ' if minute < 10 else ''}{_cardinal(str(minute))}"
    elif not half:
        words += " o'clock" if 0 < hour <= 12 else " hundred hours"
    end = "." if found.group().endswith(".") and found.end() == len(found.string) else ""
    return f"{words} {half[0]}M{end}" if half else words


def _money(found: re.Match[str]) -> str:
    groups = found.groupdict()
    major, minor = _CURRENCIES[groups["before"] or groups["after"]]
    number = (groups["amount"] or groups["amount_after"]).replace(",", "")
    scale = {"k": "thousand", "m": "million", "b": "billion", "bn": "billion"}.get(
        (groups["scale"] or "").lower(), groups["scale"]
    )
    if scale:
        return f"{_cardinal(number)} {scale} {_plural(major, False)}"
    whole, _, fraction = number.partition(".")
    if not minor:
        return f"{_cardinal(number)} {major}"
    cents = int((fraction + "00")[:2]) if fraction else 0
    said = []
    if int(whole) or not cents:
        said.append(f"{_cardinal(whole)} {_plural(major, int(whole) == 1)}")
    if cents:
        said.append(f"{_cardinal(str(cents))} {_plural(minor, cents == 1)}")
    return " and ".join(said)


def _unit(found: re.Match[str]) -> str:
    number = found.group(1)
    return f"{_cardinal(number)} {_plural(_UNITS[found.group(2)], number == '1')}"


def _temperature(found: re.Match[str]) -> str:
    minus = "minus " if found.group(1) else ""
    scale = {"C": " Celsius", "℃": " Celsius", "F": " Fahrenheit", "℉": " Fahrenheit"}[found.group(3)[-1]]
    return f"{minus}{_cardinal(found.group(2))} degree{'' if found.group(2) == '1' else 's'}{scale}"


def _fraction(found: re.Match[str]) -> str:
    above, below = found.groups()
    if below not in _FRACTIONS or int(above) >= int(below):
        return f"{_cardinal(above)} {'' if (above, below) == ('24', '7') else 'out of '}{_cardinal(below)}"
    if below == "2":
        return "half"
    return f"{_cardinal(above)} {_FRACTIONS[below]}{'' if above == '1' else 's'}"


def _abbreviation(found: re.Match[str]) -> str:
    end = "." if found.end() == len(found.string) and found.group().endswith(".") else ""
    return _ABBREVIATIONS[found.group()] + end


def _alternatives(words: dict[str, object] | dict[str, str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


_CURRENCY = "|".join(re.escape(sign) for sign in sorted(_CURRENCIES, key=len, reverse=True))
_LABEL = r"orders?|tracking|tickets?|cases?|references?|invoices?|serial|codes?|PIN|accounts?|card|ending in"
_QUANTITY = rf"(?:{_CURRENCY})? ?(?:\d{{1,2}}:\d\d|{_NUMBER})(?: ?%| ?[ap]\.?m\b\.?)?"
_Read = Callable[[re.Match[str]], str]
_RULES: tuple[tuple[re.Pattern[str], _Read], ...] = (
    (codes.EMAIL, _address),
    (codes.URL, _address),
    (re.compile(r"\b(\d{4})-(\d{1,2})-(\d{1,2})\b"), _iso_date),
    (re.compile(r"\b(\d{1,2})/(\d{1,2})/(\d{4})\b"), _us_date),
    (codes.CODE, _code),
    (codes.CARD, _phone),
    (codes.YEARS, lambda found: f"{_year(found.group(1))} to {_year(found.group(2))}"),
    (codes.PHONE, _phone),
    (
        re.compile(rf"\b((?:{_LABEL})(?: ?(?:numbers?|no\.|id|code|is|ending in))*:?) ?#?(\d{{4,}})\b", re.I),
        _labelled,
    ),
    (re.compile(r"(?<!\w)#(?=\d)"), lambda found: "number "),
    (re.compile(r"\b(number )(\d{4,})\b", re.I), _labelled),
    (re.compile(r"(?<![\w.,:/-])0\d+(?![.,:/-]?\d)"), lambda found: _digits(found.group())),
    (codes.LONG_NUMBER, lambda found: _digits(found.group())),
    (re.compile(r"\bNo\. ?(?=\d)"), lambda found: "number "),
    (
        re.compile(rf"(?<![\w.,-])({_QUANTITY}) ?[-–—~] ?(?={_QUANTITY}(?![\d-]))", re.I),
        lambda found: f"{found.group(1)} to ",
    ),
    (re.compile(rf"\b({_MONTH}) (\d{{1,2}})(?:st|nd|rd|th)?\b(?:,? (\d{{4}})\b)?"), _month_day),
    (
        re.compile(rf"\b(?:the )?(\d{{1,2}})(?:st|nd|rd|th)? (?:of )?({_MONTH})(?!\w)(?:,? (\d{{4}})\b)?"),
        _day_month,
    ),
    (re.compile(r"\b(\d{1,2}):(\d{2})(?: ?([AaPp])\.?[Mm]\b\.?)?"), _time),
    (re.compile(r"\b(\d{1,2})() ?([AaPp])\.?[Mm]\b\.?"), _time),
    (
        re.compile(
            rf"(?<!\w)(?:(?P<before>{_CURRENCY}) ?(?P<amount>{_NUMBER})"
            r"(?: ?(?P<scale>thousand|million|billion|bn|[kKmMbB])\b)?"
            rf"|(?P<amount_after>{_NUMBER}) ?(?P<after>{_CURRENCY})(?!\w))"
        ),
        _money,
    ),
    (re.compile(rf"(-)?({_NUMBER}) ?(°C|°F|℃|℉)"), _temperature),
    (re.compile(rf"({_NUMBER}) ?%"), lambda found: f"{_cardinal(found.group(1))} percent"),
    (re.compile(rf"(?<![\w.])({_NUMBER}) ?({_alternatives(_UNITS)})(?!\w)"), _unit),
    (re.compile(r"(?<![\w./])(\d{1,2})/(\d{1,2})(?![\w/])"), _fraction),
    (re.compile(rf"(?<![\w.])(?:{_alternatives(_ABBREVIATIONS)})(?!\w)"), _abbreviation),
    (re.compile(r"\b(\d+)(?:st|nd|rd|th)\b"), lambda found: _ordinal(found.group(1))),
    (re.compile(r"\b((?:19|20)\d\d)(?=s\b)"), lambda found: _year(found.group(1))),
    (
        re.compile(
            rf"(?i)\b(in|since|until|by|before|after|year|from|of|{'|'.join(_MONTHS)})"
            r" ((?:19|20)\d\d)\b(?![.,]\d)"
        ),
        lambda found: f"{found.group(1)} {_year(found.group(2))}",
    ),
    (
        re.compile(r"(?<![\d.])\d+(?:\.\d+){2,}"),
        lambda found: " point ".join(_cardinal(n) for n in found.group().split(".")),
    ),
    (re.compile(r"(?<!\w)-(?=\d)"), lambda found: "minus "),
    (re.compile(r"(?<=[A-Za-z])(?=\d)|(?<=\d)(?=[A-Za-z])"), lambda found: " "),
    (re.compile(_NUMBER), lambda found: f"{_cardinal(found.group())}"),
)

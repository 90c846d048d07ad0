"""What the data set says about each product. Only facts that stand in it; only in English."""

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_COUNTRIES: Final = {"Sverige": "Sweden"}
"""Names that are left in Swedish."""

_UNITS: Final = {"g": "g", "kg": "kg", "l": "litre", "dl": "decilitre"}
_AMOUNT: Final = re.compile(r"(?P<about>ca\s*)?(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>kg|g|dl|l)")

_NUTRIENTS: Final = {
    "calories": re.compile(r"energ[iy] ca (?P<value>[\d.]+) kilo[ck]alor"),
    "sugar": re.compile(r"(?:varav sockerarter|of which sugars) ca (?P<value>[\d.]+) gram"),
    "fat": re.compile(r"(?:fett|fat) ca (?P<value>[\d.]+) gram"),
}
"""Lines in Swedish or English; values for 100 g."""


class GroceryDataError(ValueError):
    """The data set is not as its authors give it: says the file and what is wrong."""


@dataclass(frozen=True, slots=True)
class Amount:
    """What one piece weighs or a package holds, as ``about 180 g``."""

    text: str
    packed: bool


@dataclass(frozen=True, slots=True)
class Product:
    """One of the fine classes."""

    id: str
    """In a-z, 0-9 and ``-``."""
    number: int
    """As in the lists of photographs."""
    name: str
    kind: str
    """Id of its coarse class."""
    kind_name: str
    iconic: Path
    description: str
    country: str | None
    amount: Amount | None
    maker: str | None
    nutrients: Mapping[str, str] = field(default_factory=dict)
    """``calories`` in kilocalories, ``sugar`` and ``fat`` in grams, for 100 g, as written."""

    @property
    def is_package(self) -> bool:
        """Whether it is made by somebody and not grown."""
        return self.maker is not None


def read_products(data: Path) -> list[Product]:
    """Read ``classes.csv`` and each class's texts, in the order of the class numbers.

    Raises:
        GroceryDataError: a file is missing or broken.
    """
    listed = data / "classes.csv"
    if not listed.is_file():
        raise GroceryDataError(f"{listed} is missing: give the folder of the data set GroceryStore")
    with listed.open(encoding="utf-8", newline="") as file:
        rows = [[cell.strip() for cell in row] for row in csv.reader(file)][1:]
    products = []
    for row in rows:
        if len(row) != 6 or not row[1].isdigit():
            raise GroceryDataError(f"{listed}: {','.join(row)!r} is not name, number, coarse name, …")
        products.append(_product(data, *row))
    if [product.number for product in products] != list(range(len(products))):
        raise GroceryDataError(f"{listed}: classes are not numbered from 0 on in their order")
    return products


def read_photos(data: Path, split: str, products: int) -> list[tuple[Path, int]]:
    """Give each photograph of ``train`` or ``val`` with the number of its product.

    Raises:
        GroceryDataError: the list is missing, or names an unknown class or a missing file.
    """
    listed = data / f"{split}.txt"
    if not listed.is_file():
        raise GroceryDataError(f"{listed} is missing: give the folder of the data set GroceryStore")
    photos = []
    for at, line in enumerate(listed.read_text(encoding="utf-8").splitlines(), start=1):
        cells = [cell.strip() for cell in line.split(",")]
        if len(cells) != 3 or not cells[1].isdigit() or int(cells[1]) >= products:
            raise GroceryDataError(f"{listed}:{at}: not 'path, class, coarse class'")
        path = data / cells[0]
        if not path.is_file():
            raise GroceryDataError(f"{listed}:{at}: {path} does not exist")
        photos.append((path, int(cells[1])))
    return photos


def _product(
    data: Path, label: str, number: str, coarse: str, _: str, iconic: str, description: str
) -> Product:
    described = data / description.lstrip("/")
    # One class has "-Information", all others "_Information".
    informed = next(iter(sorted(described.parent.glob("*[_-]Information.txt"))), None)
    if not described.is_file() or informed is None:
        raise GroceryDataError(f"{described}: the description or the information beside it is missing")
    picture = data / iconic.lstrip("/")
    if not picture.is_file():
        raise GroceryDataError(f"{picture} does not exist")
    information = informed.read_text(encoding="utf-8-sig")
    given = dict(re.findall(r"^([A-Z][A-Za-z ]*?)\s*:\s*(.*?)\s*$", information, re.MULTILINE))
    country, maker, amount = given.get("Country") or given.get("Manufacturing country"), None, None
    if "Country and volume" in given:
        country, amount = _pair(informed, given["Country and volume"])
    if "Manufacturer and volume" in given:
        maker, amount = _pair(informed, given["Manufacturer and volume"])
    return Product(
        id=_slug(label),
        number=int(number),
        name=_name(label, coarse),
        kind=_slug(coarse),
        kind_name=coarse.replace("-", " "),
        iconic=picture,
        description=" ".join(described.read_text(encoding="utf-8-sig").split()),
        country=_COUNTRIES.get(country, country) if country else None,
        amount=_amount(informed, amount, maker is not None) if amount else None,
        maker=maker.title() if maker else None,
        nutrients={
            name: match["value"] for name, line in _NUTRIENTS.items() if (match := line.search(information))
        },
    )


def _slug(label: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", label.lower()).strip("-")


def _name(label: str, coarse: str) -> str:
    """Make a name that says what it is, where the class is only called by its sort ("Anjou")."""
    name = label.replace("-", " ")
    kind = coarse.replace("-", " ")
    return name if kind.lower() in name.lower() else f"{name} {kind.lower()}"


def _pair(file: Path, value: str) -> tuple[str, str]:
    first, comma, second = value.partition(",")
    if not comma:
        raise GroceryDataError(f"{file}: {value!r} is not two values with a comma between")
    return first.strip(), second.strip()


def _amount(file: Path, value: str, packed: bool) -> Amount:
    match = _AMOUNT.fullmatch(value)
    if match is None:
        raise GroceryDataError(f"{file}: {value!r} is no amount in g, kg, l or dl")
    unit = _UNITS[match["unit"]]
    plural = "s" if len(unit) > 2 and float(match["number"]) != 1 else ""
    return Amount(f"{'about ' if match['about'] else ''}{match['number']} {unit}{plural}", packed)

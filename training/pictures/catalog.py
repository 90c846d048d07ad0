"""Every picture of the shop by its id."""

from collections.abc import Callable, Mapping

from training.pictures.canvas import Canvas
from training.pictures.devices import PANELS, VIEWS
from training.pictures.pages import PAGES
from training.pictures.papers import LABELS, RECEIPTS, SERIALS

DRAWINGS: Mapping[str, Callable[[], Canvas]] = {
    **PANELS,
    **VIEWS,
    **PAGES,
    **LABELS,
    **RECEIPTS,
    **SERIALS,
}

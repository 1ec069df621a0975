"""One function over many items, in order: in this process, or in several. Knows no tables."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial, reduce
from typing import Literal, Protocol, TypeVar

from pydantic import Field

from ..utils.section import Section

A = TypeVar("A")
B = TypeVar("B")
RUNS = 4  # of items that each worker folds, so that none waits long for the last


class Scale(Section):
    """Where the parts of a table are worked on."""

    engine: Literal["local", "processes"] = "local"
    processes: int = Field(default=0, ge=0, description="0 = all cores")


class Engine(Protocol):
    """Runs a function over items. Functions, items and results must be picklable."""

    @property
    def workers(self) -> int:
        """How many items are worked on at a time."""

    def map(self, function: Callable[[A], B], items: Sequence[A]) -> Iterator[B]:
        """Give the function's results in the order of the items, few of them ahead.

        Raises:
            UserError: A worker was ended from outside; and whatever the function raises.
        """


class Local:
    """One item after the other, in this process."""

    workers = 1

    def map(self, function: Callable[[A], B], items: Sequence[A]) -> Iterator[B]:
        """Give the function's results in the order of the items."""
        return map(function, items)


LOCAL = Local()


def open_engine(settings: Scale) -> Engine:
    """Return the engine that the configuration names."""
    if settings.engine == "local":
        return LOCAL
    from .processes import Processes

    return Processes(settings.processes)


def fold(
    engine: Engine,
    function: Callable[[A], B],
    merge: Callable[[B, B], B],
    items: Sequence[A],
) -> B:
    """Merge what a function gives for each of the items, in their order.

    Runs of items are merged where they are worked on, so that few results travel.

    Args:
        engine: Where.
        function: Of an item.
        merge: Of two results, the earlier one first; it may change and return that.
        items: At least one.
    """
    size = -(-len(items) // (RUNS * engine.workers))
    runs = [items[start : start + size] for start in range(0, len(items), size)]
    return reduce(merge, engine.map(partial(_fold_run, function, merge), runs))


def _fold_run(function: Callable[[A], B], merge: Callable[[B, B], B], items: Sequence[A]) -> B:
    return reduce(merge, map(function, items))

"""The engine of several processes on one machine."""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from threading import Thread
from typing import TypeVar

from ..errors import UserError
from ..utils.progress import progress

A = TypeVar("A")
B = TypeVar("B")
AHEAD = 2  # items for each worker that are on their way


class Processes:
    """Hands items to processes that are started for the purpose, and share its cores evenly."""

    def __init__(self, count: int = 0) -> None:
        """Keep how many; 0 means one for each core that this process may use."""
        self._cores = _cores()
        self.workers = count or self._cores

    def map(self, function: Callable[[A], B], items: Sequence[A]) -> Iterator[B]:
        """Give the function's results in the order of the items; one item is worked on here."""
        if len(items) < 2:
            yield from map(function, items)
            return
        workers = min(self.workers, len(items))
        threads = max(1, self._cores // workers)
        pool = ProcessPoolExecutor(workers, get_context("spawn"), _begin, (threads,))
        waiting: deque[Future[B]] = deque()
        try:
            with progress("parts", len(items), "runs") as bar:
                for item in items:
                    if len(waiting) >= AHEAD * workers:
                        yield waiting.popleft().result()
                        bar.update(1)
                    waiting.append(pool.submit(function, item))
                while waiting:
                    yield waiting.popleft().result()
                    bar.update(1)
        except BrokenProcessPool:
            raise UserError(
                "a worker process was ended from outside, perhaps for want of memory; nothing is "
                f"half-written. Run it again, with fewer than {workers} scale.processes if need be."
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _begin(threads: int) -> None:
    """Take this worker's part of the cores, and end when the one who started it does."""
    os.environ["POLARS_MAX_THREADS"] = str(threads)  # which polars reads when it is imported
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)

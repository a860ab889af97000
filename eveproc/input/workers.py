"""Work for several processes -> what each of them found.

Any free process takes the next part; blocks of bytes are dealt out. Processes are forked, so
nothing has to be imported or compiled again; a system that cannot fork has one process.
"""

import gc
import os
import pickle
from collections.abc import Callable, Iterator, Sequence
from mmap import mmap
from multiprocessing import get_all_start_methods, get_context, parent_process
from multiprocessing.connection import wait
from signal import SIG_DFL, SIGINT, SIGTERM, signal
from struct import Struct
from threading import Thread
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from rulegen.errors import MxhoundError

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

P = TypeVar("P")
R = TypeVar("R")

# Room for a block and the beginning of a line from the block before; larger ones are not dealt out.
SLOT = (1 << 20) + (1 << 18)
# Number of blocks that wait for helpers, beside one for each helper, so that no helper is idle
# while the dealing process decodes lines.
SLOTS = 12
SUM = Struct("q")


def can_fork() -> bool:
    """True if this system can fork helpers."""
    return "fork" in get_all_start_methods()


def cores() -> int:
    """Number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Work(Generic[P]):
    """Parts of `total` bytes in all; the first free process takes the next part."""

    def __init__(self, parts: Sequence[P], total: int) -> None:
        self._parts = parts
        self._total = total
        self._taken, self._done = _Sum(), _Sum()

    def take(self) -> Iterator[P]:
        while (taken := self._taken.add(1)) <= len(self._parts):
            yield self._parts[taken - 1]

    def advance(self, progress: Callable[[int, int], None] | None, more: int) -> None:
        """Count further bytes read by any process; `progress` gets the sum."""
        done = self._done.add(more)
        if progress:
            progress(done, self._total)


class _Sum:
    """A number that all processes add to. multiprocessing.Value does the same, but loads ctypes."""

    def __init__(self) -> None:
        self._lock = get_context().Lock()
        self._memory = mmap(-1, SUM.size)

    def add(self, more: int) -> int:
        """Add `more` and return the sum."""
        with self._lock:
            total: int = SUM.unpack_from(self._memory)[0] + more
            SUM.pack_into(self._memory, 0, total)
        return total


class Helpers(Generic[R]):
    """`count` processes that each call `target` with the blocks dealt to it.

    None of them outlives the `with`.
    """

    def __init__(self, count: int, target: Callable[[Iterator[tuple[bytes, int]]], R]) -> None:
        self._started: list[tuple[BaseProcess, Connection]] = []
        self._ended = False
        if not count:
            return
        context: Any = get_context("fork")
        self._table = _Table(context, SLOTS + count)
        for _ in range(count):
            here, there = context.Pipe(duplex=False)
            process = context.Process(target=_run, args=(target, self._table, there), daemon=True)
            process.start()
            there.close()
            self._started.append((process, here))

    def __enter__(self) -> "Helpers[R]":
        return self

    def __exit__(self, *_: object) -> None:
        for process, here in self._started:
            process.terminate()
            process.join()
            here.close()

    def offer(self, block: bytes, end: int) -> bool:
        """Deal a block to a free helper; False if none is free."""
        return bool(self._started) and self._table.put(block, end)

    def end(self) -> None:
        """Tell the helpers that no more blocks will be dealt."""
        if not self._ended:
            self._ended = True
            for _ in self._started:
                self._table.end()

    def results(self) -> Iterator[R]:
        """End the dealing; yield the result of each helper. Raises MxhoundError if one died."""
        self.end()
        processes: dict[Any, BaseProcess] = {here: process for process, here in self._started}
        while processes:
            # Results in order of readiness: a killed helper may hold the lock that another one
            # waits for.
            for here in wait(list(processes)):
                yield _result_of(processes.pop(here), here)


class _Table:
    """Blocks in shared memory, on their way to a helper."""

    def __init__(self, context: Any, slots: int) -> None:
        self._memory = mmap(-1, slots * SLOT)
        self._free = context.SimpleQueue()
        self._filled = context.SimpleQueue()
        for slot in range(slots):
            self._free.put(slot)

    def put(self, block: bytes, end: int) -> bool:
        if len(block) > SLOT or self._free.empty():
            return False
        slot = self._free.get()
        self._memory[slot * SLOT : slot * SLOT + len(block)] = block
        self._filled.put((slot, len(block), end))
        return True

    def end(self) -> None:
        self._filled.put(None)

    def blocks(self) -> Iterator[tuple[bytes, int]]:
        while (filled := self._filled.get()) is not None:
            slot, length, end = filled
            block = self._memory[slot * SLOT : slot * SLOT + length]
            self._free.put(slot)
            yield block, end


def _result_of(process: "BaseProcess", here: Any) -> Any:
    # Read in portions: a large result would otherwise be held twice.
    try:
        with os.fdopen(os.dup(here.fileno()), "rb") as pipe:
            return pickle.load(pipe)  # written by our own process
    except (EOFError, pickle.UnpicklingError):
        process.join()
        raise MxhoundError(
            f"a reader process ended early (exit code {process.exitcode}), perhaps for lack of "
            "memory"
        ) from None


def _run(
    target: Callable[[Iterator[tuple[bytes, int]]], R], table: _Table, there: "Connection"
) -> None:
    # The parent process handles Ctrl-C, and a watch uses SIGTERM for its own end.
    for number in (SIGINT, SIGTERM):
        signal(number, SIG_DFL)
    Thread(target=_end_with_parent, daemon=True).start()
    gc.freeze()  # objects from before the fork stay in use until the end
    found = target(table.blocks())
    gc.collect()  # free the reader's memory before the result is sent
    with os.fdopen(os.dup(there.fileno()), "wb") as pipe:
        pickle.dump(found, pipe, pickle.HIGHEST_PROTOCOL)


def _end_with_parent() -> None:
    """End this helper if its parent was killed: nobody waits for the result, and no more blocks
    will come.
    """
    if parent := parent_process():
        parent.join()
        os._exit(1)

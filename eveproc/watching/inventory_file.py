"""The inventory of a site + time -> the inventory read again, once its file has changed."""

from collections.abc import Callable

from rulegen.inventory import Inventory, read_inventory

# Seconds between two looks at the file.
LOOK_EVERY = 10.0

Stamp = tuple[int, int, int]


class InventoryFile:
    """Reads the file again when it changes, and says which rows are skipped.

    If the file becomes unreadable, the earlier names stay in force.
    """

    def __init__(self, inventory: Inventory, say: Callable[[str], None]) -> None:
        self._inventory = inventory
        self._say = say
        self._stamp = self._stamp_now()
        self._looked = 0.0
        self._tell(inventory)

    def changed(self, now: float) -> Inventory | None:
        """The new inventory, or None if there is none; `now` is monotonic seconds."""
        path = self._inventory.path
        if path is None or now - self._looked < LOOK_EVERY:
            return None
        self._looked = now
        stamp = self._stamp_now()
        if stamp == self._stamp:
            return None
        self._stamp = stamp
        read = read_inventory(path)
        self._tell(read)
        if not read.columns and self._inventory.columns:
            self._say(f"inventory: {path}: the names read before stay in force")
            return None
        self._inventory = read
        self._say(f"inventory: {path} was reloaded")
        return read

    def _stamp_now(self) -> Stamp | None:
        """None where there is no file."""
        try:
            found = self._inventory.path and self._inventory.path.stat()
        except OSError:
            return None
        return (found.st_mtime_ns, found.st_size, found.st_ino) if found else None

    def _tell(self, inventory: Inventory) -> None:
        for fault in inventory.faults():
            self._say(fault)

"""hosts.csv -> Inventory: what the site knows about its machines, by MAC, address and network.

Names are for people: no verdict depends on them. A row with a fault is named and skipped, and so is
a file that cannot be read.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import ip_network
from pathlib import Path

from msgspec import Struct, field

from rulegen.errors import InputError, Problem
from rulegen.files import read_bounded
from rulegen.mac_address import canonical_mac
from rulegen.networks import Network
from rulegen.units import count_of

# Maximum size: a row for each of a million machines.
MAX_BYTES = 64 << 20
MAX_COLUMNS = 32
# Maximum length of a value, which is shown beside a host; the longest DNS name has 253 characters.
LONGEST_VALUE, LONGEST_COLUMN = 255, 40
# Columns that say which machines a row is about; the others are shown.
KEYS = ("address", "network", "mac")
SCOPE = "scope"
# Maximum number of rows with faults that a report names; the others are counted.
NAMED = 5
# Spreadsheets separate cells by a character that their language does not use in numbers.
DELIMITERS = ",;\t"


class InventoryEntry(Struct, frozen=True):
    """What one row says: `kind` (of KEYS) and `key` say what it matched, `values` the rest.

    `values` are (column, value) in the order of the file, without empty ones.
    """

    kind: str
    key: str
    values: tuple[tuple[str, str], ...]
    scope: str = ""
    line: int = 0

    def get(self, column: str) -> str:
        """The value of a column; "" if the row has none."""
        return dict(self.values).get(column, "")

    @property
    def is_of_one_machine(self) -> bool:
        """False for a row about a network."""
        return self.kind != "network"

    @property
    def text(self) -> str:
        """One line, for example "name: pc-17; owner: Ann (by network 10.20.0.0/16)"."""
        shown = "; ".join(f"{column}: {value}" for column, value in self.values)
        return f"{shown or 'no further columns'} (by {self.kind} {self.key})"


class Inventory(Struct, frozen=True):
    """Rows by MAC and by network; `problems` are the rows that were skipped.

    `by_length` holds the networks by IP version and prefix length, the longest first.
    """

    path: Path | None = None
    columns: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    by_mac: Mapping[str, tuple[InventoryEntry, ...]] = field(default_factory=dict)
    by_network: Mapping[Network, tuple[InventoryEntry, ...]] = field(default_factory=dict)
    by_length: Mapping[int, tuple[int, ...]] = field(default_factory=dict)

    def entry_for(
        self, mac: str, addresses: Sequence[str], scope: str = "", scopes: Iterable[str] = ()
    ) -> InventoryEntry | None:
        """The row about a machine: by MAC, else by the smallest network that holds an address.

        `scope` is that of the verdict ("" if the address is in one network only), `scopes` are
        those logged.
        """
        logged = [frozenset(one.split(",")) for one in scopes if one]
        candidates = [self.by_mac.get(mac, ()), *self._by_size(addresses)]
        for rows in candidates:
            for row in rows:
                if _fits(row, scope, logged):
                    return row
        return None

    def _by_size(self, addresses: Sequence[str]) -> list[tuple[InventoryEntry, ...]]:
        found = [hit for address in addresses for hit in self._holding(address)]
        return [rows for _, rows in sorted(found, key=lambda hit: hit[0])]

    def _holding(self, address: str) -> Iterator[tuple[int, tuple[InventoryEntry, ...]]]:
        """(size in bits, rows) of each network that holds the address, the smallest first."""
        own = ip_network(address)
        for length in self.by_length.get(own.version, ()):
            if rows := self.by_network.get(own.supernet(new_prefix=length)):
                yield own.max_prefixlen - length, rows

    def faults(self) -> Iterator[str]:
        """Sentences on the rows that were skipped: the first ones, then their number."""
        for problem in self.problems[:NAMED]:
            yield f"inventory: {problem}; skipped"
        if len(self.problems) > NAMED:
            more = count_of(len(self.problems) - NAMED, "more row")
            yield f"inventory: {self.path}: {more} skipped"

    def columns_of(self, entries: Iterable[InventoryEntry | None]) -> tuple[str, ...]:
        """The columns in use by these entries, in the order of the file."""
        used = {column for entry in entries if entry for column, _ in entry.values}
        return tuple(column for column in self.columns if column in used)


NO_INVENTORY = Inventory()


def _fits(row: InventoryEntry, scope: str, logged: Sequence[frozenset[str]]) -> bool:
    """False if the row may be about another machine with this address in another network."""
    if not row.scope:
        return row.kind == "mac" or not scope
    wanted = frozenset(row.scope.split(","))
    return row.scope == scope or (bool(logged) and all(wanted <= one for one in logged))


def read_inventory(path: Path) -> Inventory:
    """Read a CSV file with a header. Never raises: faults are in `problems`."""
    try:
        raw = read_bounded(path, MAX_BYTES)
    except InputError as error:
        return Inventory(path, problems=error.problems)
    lines = raw.removeprefix(b"\xef\xbb\xbf").splitlines()
    reader = _Reader(str(path))
    reader.read(lines)
    lengths: dict[int, set[int]] = {4: set(), 6: set()}
    for network in reader.networks:
        lengths[network.version].add(network.prefixlen)
    return Inventory(
        path,
        tuple(column for column in reader.header if column not in (*KEYS, SCOPE)),
        tuple(reader.problems),
        {mac: tuple(rows) for mac, rows in reader.macs.items()},
        {network: tuple(rows) for network, rows in reader.networks.items()},
        {version: tuple(sorted(found, reverse=True)) for version, found in lengths.items()},
    )


class _RowError(Exception):
    """Why a row is skipped."""


class _Reader:
    """Reads line by line, so an unclosed quote costs one line only."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.header: tuple[str, ...] = ()
        self.problems: list[Problem] = []
        self.macs: dict[str, list[InventoryEntry]] = {}
        self.networks: dict[Network, list[InventoryEntry]] = {}
        self._delimiter = ","

    def read(self, lines: Sequence[bytes]) -> None:
        for number, line in enumerate(lines, 1):
            if not line.strip() or line.startswith(b"#"):
                continue
            try:
                self._take(_decoded(line), number)
            except _RowError as error:
                self.problems.append(Problem(self.file, str(error), line=number))
                if not self.header:
                    return
        if not self.header:
            self.problems.append(Problem(self.file, f"is empty: expected a header with {_KEYS}"))

    def _take(self, line: str, number: int) -> None:
        if not self.header:
            self._delimiter = max(DELIMITERS, key=line.count)
            self.header = _header(_cells(line, self._delimiter))
            return
        cells = _cells(line, self._delimiter)
        if not any(cells):
            return
        rows = [(self._known(row), row) for row in self._rows(cells, number)]
        for known, row in rows:
            _refuse_twin(known, row)
        for known, row in rows:
            known.append(row)

    def _rows(self, cells: Sequence[str], number: int) -> list[InventoryEntry]:
        """One entry for each key of the row."""
        if any(cells[len(self.header) :]):
            raise _RowError(
                f"invalid row: has {len(cells)} cells; expected {len(self.header)}, as in the "
                "header"
            )
        given = dict(zip(self.header, cells, strict=False))
        if long := [name for name, cell in given.items() if len(cell) > LONGEST_VALUE]:
            raise _RowError(
                f"invalid {long[0]}: is longer than {LONGEST_VALUE} characters; expected less"
            )
        values = tuple((name, v) for name, v in given.items() if v and name not in (*KEYS, SCOPE))
        scope = given.get(SCOPE, "")
        keys = dict.fromkeys(_key(name, given[name]) for name in KEYS if given.get(name))
        if not keys:
            raise _RowError(f"invalid row: names no machine; expected {_KEYS}")
        return [InventoryEntry(kind, key, values, scope, number) for kind, key in keys]

    def _known(self, row: InventoryEntry) -> list[InventoryEntry]:
        """The rows of this machine or network so far; they differ in scope."""
        if row.kind == "mac":
            return self.macs.setdefault(row.key, [])
        return self.networks.setdefault(ip_network(row.key), [])


def _refuse_twin(known: Iterable[InventoryEntry], row: InventoryEntry) -> None:
    if twin := next((other for other in known if other.scope == row.scope), None):
        raise _RowError(
            f"duplicate {row.kind} {row.key}: is in line {twin.line} already; expected once"
        )


_KEYS = f"at least one of {', '.join(KEYS)}"
_ANY_KEY = "an address, a network in CIDR notation, or a MAC"


def _decoded(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        raise _RowError("invalid text: is not UTF-8; expected a file saved as UTF-8") from error


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter, strict=True))]
    except (csv.Error, StopIteration) as error:
        raise _RowError(f"invalid row: {error}; expected one line of CSV") from error


def _header(cells: Sequence[str]) -> tuple[str, ...]:
    names = [cell.lower() for cell in cells]
    while names and not names[-1]:  # a comma at the end of each line
        names.pop()
    if not set(names) & set(KEYS):
        raise _RowError(f"invalid header: has no key column; expected {_KEYS}")
    for name in names:
        if not name or not name.isprintable() or len(name) > LONGEST_COLUMN:
            raise _RowError(
                f"invalid column {name[:LONGEST_COLUMN]!r}: expected a name of 1 to "
                f"{LONGEST_COLUMN} printable characters"
            )
        if names.count(name) > 1:
            raise _RowError(f"duplicate column {name!r}: expected each column once")
    if len(names) > MAX_COLUMNS:
        raise _RowError(f"invalid header: has {len(names)} columns; expected {MAX_COLUMNS} at most")
    return tuple(names)


def _key(column: str, cell: str) -> tuple[str, str]:
    """(kind, key in its usual spelling). Each key column takes any kind of key."""
    if mac := canonical_mac(cell):
        return "mac", mac
    network = _network(cell, strict=True)
    if network is None:
        whole = _network(cell, strict=False)
        fault = f"has host bits set; expected {whole}" if whole else f"expected {_ANY_KEY}"
        raise _RowError(f"invalid {column} {cell!r}: {fault}")
    is_one = network.prefixlen == network.max_prefixlen
    return ("address", str(network.network_address)) if is_one else ("network", str(network))


def _network(cell: str, *, strict: bool) -> Network | None:
    """None if invalid; a zone, as in fe80::1%eth0, is valid on one machine only."""
    try:
        return None if "%" in cell else ip_network(cell, strict=strict)
    except ValueError:
        return None

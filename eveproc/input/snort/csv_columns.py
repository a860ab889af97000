"""A line with the names of columns -> the meaning of each column of an alert CSV.

Names are those of Snort 2.9 and barnyard2 (sig_id, src, srcport), of Snort 3 (sid, src_addr,
src_port), and of EVE (signature_id, src_ip, dest_ip).
"""

import csv
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from msgspec import Struct

from eveproc.input.snort.clock import WithYear

# Names in lower case -> alert_json's names for the same.
_NAMES: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("timestamp", "time", "@timestamp"), "timestamp"),
        "seconds": "seconds",
        **dict.fromkeys(("gid", "sig_generator", "generator_id", "alert.gid"), "gid"),
        **dict.fromkeys(("sid", "sig_id", "signature_id", "alert.signature_id"), "sid"),
        "rule": "rule",
        **dict.fromkeys(("proto", "protocol"), "proto"),
        **dict.fromkeys(("src", "src_addr", "src_ip"), "src_addr"),
        **dict.fromkeys(("dst", "dst_addr", "dest_ip", "dst_ip"), "dst_addr"),
        **dict.fromkeys(("srcport", "src_port"), "src_port"),
        **dict.fromkeys(("dstport", "dst_port", "dest_port"), "dst_port"),
        "src_ap": "src_ap",
        "dst_ap": "dst_ap",
    }
)
# Names that only EVE uses, and names that only Snort 3 uses.
_OF_EVE = frozenset(("signature_id", "alert.signature_id", "src_ip", "dest_ip"))
_OF_SNORT_3 = frozenset(("sid", "rule", "src_addr", "src_ap", "seconds"))
# Minimum number of known names in a heading: a line of another table may have one or two.
_ENOUGH = 3
# The values that an alert needs, and the columns that hold them.
_NEEDED: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "timestamp": frozenset(("timestamp", "seconds")),
        "sid": frozenset(("sid", "rule")),
        "src": frozenset(("src_addr", "src_ap")),
        "dst": frozenset(("dst_addr", "dst_ap")),
    }
)


class Columns(Struct, frozen=True):
    """The heading of a file: for each column its name in alert_json, or "" if it is not used."""

    names: tuple[str, ...]
    separator: str
    with_year: WithYear
    by_snort: bool

    @property
    def missing(self) -> str:
        """The columns that an alert needs and the heading lacks, in words; "" if there are none."""
        lacking = [name for name, some in _NEEDED.items() if some.isdisjoint(self.names)]
        return ", ".join(lacking)

    @property
    def needed(self) -> int:
        """Minimum number of cells of a row: up to the last column that is used."""
        return max(place for place, name in enumerate(self.names, 1) if name)

    def values(self, row: Sequence[str]) -> dict[str, str]:
        """The cells by name; the first non-empty one if two columns have the same meaning."""
        found: dict[str, str] = {}
        for name, cell in zip(self.names, row, strict=False):
            if name and not found.get(name):
                found[name] = cell.strip()
        return found


def columns_of(line: str) -> Columns | None:
    """The columns that a line names; None if it is no heading of alerts."""
    text = line.strip("\ufeff\r\n\t #")
    separator = max(",;\t", key=text.count)
    try:
        cells = next(csv.reader([text], delimiter=separator, skipinitialspace=True), [])
    except csv.Error:
        return None
    said = [cell.strip().lower() for cell in cells]
    names = tuple(_NAMES.get(cell, "") for cell in said)
    if len(set(names) - {""}) < _ENOUGH or "event_type" in said or any(map(_is_value, said)):
        return None
    return Columns(
        names,
        separator,
        WithYear.FIRST if _OF_SNORT_3 & set(said) else WithYear.LAST,
        not _OF_EVE & set(said),
    )


def _is_value(cell: str) -> bool:
    return cell[:1].isdecimal()

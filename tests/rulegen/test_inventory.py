"""hosts.csv -> names by MAC, address and network, or every row that is skipped, by line."""

from pathlib import Path

import pytest

from rulegen.inventory import NAMED, Inventory, read_inventory
from rulegen.site_profile import load_site

HEADER = "address,network,mac,name,owner,department\n"


def read(tmp_path: Path, text: str | bytes) -> Inventory:
    file = tmp_path / "hosts.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_inventory(file)


def faults(inventory: Inventory) -> list[str]:
    assert inventory.path
    return [str(fault).removeprefix(f"{inventory.path}:") for fault in inventory.problems]


def name_of(
    inventory: Inventory,
    *addresses: str,
    mac: str = "",
    scope: str = "",
    scopes: tuple[str, ...] = (),
) -> str:
    entry = inventory.entry_for(mac, addresses, scope, scopes)
    return entry.get("name") if entry else ""


def test_a_mac_wins_over_an_address_and_the_smallest_network_over_others(tmp_path: Path) -> None:
    inventory = read(
        tmp_path,
        HEADER
        + ",10.20.0.0/16,,site,,\n,10.20.1.0/24,,floor,,\n10.20.1.7,,,desk,,\n"
        + ",,02-00-00-00-00-07,laptop,,\n,2001:db8:20::/48,,six,,\n",
    )
    assert inventory.problems == ()
    assert name_of(inventory, "10.20.1.7", mac="02:00:00:00:00:07") == "laptop"
    assert name_of(inventory, "10.20.1.7", mac="02:00:00:00:00:08") == "desk"
    assert [name_of(inventory, f"10.20.{n}") for n in ("1.8", "2.8")] == ["floor", "site"]
    assert name_of(inventory, "2001:db8:20::1") == "six"
    assert name_of(inventory, "10.21.0.1") == name_of(inventory) == ""
    # Of all addresses of a machine the smallest network counts, whichever comes first.
    assert name_of(inventory, "2001:db8:20::1", "10.20.1.7") == "desk"


def test_an_entry_says_what_matched_and_keeps_the_order_of_the_file(tmp_path: Path) -> None:
    inventory = read(tmp_path, "Owner,Address,Contact,Rack\nAnn,10.20.1.7/32,ann@example.org,\n")
    entry = inventory.entry_for("", ("10.20.1.7",))
    assert entry
    assert (entry.kind, entry.key, entry.line) == ("address", "10.20.1.7", 2)
    assert entry.values == (("owner", "Ann"), ("contact", "ann@example.org"))
    assert entry.text == "owner: Ann; contact: ann@example.org (by address 10.20.1.7)"
    assert inventory.columns == ("owner", "contact", "rack")
    assert inventory.columns_of([entry, None]) == ("owner", "contact")


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_files_of_spreadsheets_are_read(tmp_path: Path, delimiter: str) -> None:
    rows = [["mac", "name", ""], ["02:00:00:00:00:07", '"Lab, ""east"""', ""], ["", "", ""]]
    text = "\r\n".join(delimiter.join(row) for row in rows)
    inventory = read(tmp_path, b"\xef\xbb\xbf" + text.encode())
    assert inventory.problems == ()
    assert name_of(inventory, mac="02:00:00:00:00:07") == 'Lab, "east"'


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        (
            "10.20.1.300,,,x",
            "invalid address '10.20.1.300': expected an address, a network in CIDR",
        ),
        (
            ",10.20.1.7/24,,x",
            "invalid network '10.20.1.7/24': has host bits set; expected 10.20.1.0",
        ),
        ("fe80::1%eth0,,,x", "invalid address 'fe80::1%eth0': expected an address"),
        (",,02:00:00,x", "invalid mac '02:00:00': expected an address, a network"),
        (
            ",,,x,Ann",
            "invalid row: names no machine; expected at least one of address, network, mac",
        ),
        ("10.20.1.9,,,a,b,c,d", "invalid row: has 7 cells; expected 6, as in the header"),
        ('10.20.1.9,,,"a', "invalid row: unexpected end of data; expected one line of CSV"),
        ("10.20.1.9,,," + "a" * 256, "invalid name: is longer than 255 characters; expected less"),
        (b"10.20.1.9,,,M\xfcller", "invalid text: is not UTF-8; expected a file saved as UTF-8"),
        ("10.20.1.1,,,x", "duplicate address 10.20.1.1: is in line 2 already; expected once"),
        ("10.20.1.9,,02:00:00:00:00:01,x", "duplicate mac 02:00:00:00:00:01: is in line 2 already"),
    ],
)
def test_a_row_with_a_fault_is_named_and_costs_no_other(
    tmp_path: Path, row: str | bytes, fault: str
) -> None:
    raw = row if isinstance(row, bytes) else row.encode()
    first, last = b"10.20.1.1,,02:00:00:00:00:01,one\n", b"\n# a remark\n10.20.1.2,,,two\n"
    inventory = read(tmp_path, HEADER.encode() + first + raw + last)
    assert len(inventory.problems) == 1
    assert faults(inventory)[0].startswith(f"3: {fault}")
    assert [name_of(inventory, f"10.20.1.{n}") for n in (1, 2, 9)] == ["one", "two", ""]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", " is empty: expected a header with at least one of address, network, mac"),
        ("10.20.1.7,desk\n", "1: invalid header: has no key column; expected at least one of"),
        ("address,name,Name\n", "1: duplicate column 'name': expected each column once"),
        ("address,,name\n", "1: invalid column '': expected a name of 1 to 40 printable"),
        ("address,a\x1bb\n", "1: invalid column 'a\\x1bb': expected a name"),
        ("address" + ",c" * 40 + "\n", "1: duplicate column 'c'"),
        ("address," + ",".join(f"c{n}" for n in range(40)), "1: invalid header: has 41 columns"),
        ("\x00\x01" * 500, "1: invalid header: has no key column"),
    ],
)
def test_a_file_without_a_usable_header_names_nobody(tmp_path: Path, text: str, fault: str) -> None:
    inventory = read(tmp_path, text)
    assert len(inventory.problems) == 1
    assert faults(inventory)[0].startswith(fault)
    assert name_of(inventory, "10.20.1.7") == ""


def test_of_many_faults_the_first_are_named_and_the_others_counted(tmp_path: Path) -> None:
    inventory = read(tmp_path, HEADER + "x,,,\n" * (NAMED + 3))
    told = list(inventory.faults())
    assert len(told) == NAMED + 1
    assert told[-1] == f"inventory: {inventory.path}: 3 more rows skipped"
    assert told[0].startswith(f"inventory: {inventory.path}:2: invalid address 'x': expected")


def test_a_row_of_one_network_names_no_machine_of_another(tmp_path: Path) -> None:
    inventory = read(
        tmp_path,
        "address,mac,scope,name\n10.20.1.7,,vlan=10,ten\n10.20.1.7,,vlan=20,twenty\n"
        "10.20.1.8,,,eight\n,02:00:00:00:00:07,,laptop\n",
    )
    assert inventory.problems == ()
    assert name_of(inventory, "10.20.1.7", scope="vlan=20") == "twenty"
    assert name_of(inventory, "10.20.1.7", scope="vlan=30") == ""
    # In one network only, as the log shows; with two or none that is unknown.
    assert (
        name_of(inventory, "10.20.1.7", scopes=("vlan=10,host=ids1", "vlan=10,host=ids2")) == "ten"
    )
    assert name_of(inventory, "10.20.1.7", scopes=("vlan=10", "vlan=20")) == ""
    assert name_of(inventory, "10.20.1.7") == ""
    # A row without a network is about an address that several machines have.
    assert name_of(inventory, "10.20.1.8", scope="vlan=20") == ""
    assert name_of(inventory, "10.20.1.8", scopes=("vlan=20",)) == "eight"
    assert name_of(inventory, "10.20.1.8", mac="02:00:00:00:00:07", scope="vlan=20") == "laptop"


def test_the_file_is_looked_for_beside_site_yaml_and_its_absence_refuses_nothing(
    tmp_path: Path,
) -> None:
    site = tmp_path / "site.yaml"
    site.write_text("home_networks: [10.20.0.0/16]\ninventory: hosts.csv\n")
    missing = load_site(site).inventory
    assert [str(fault) for fault in missing.problems] == [
        f"{tmp_path / 'hosts.csv'}: cannot be read: No such file or directory"
    ]
    (tmp_path / "hosts.csv").write_text("address,name\n10.20.1.7,desk\n")
    assert name_of(load_site(site).inventory, "10.20.1.7") == "desk"
    (tmp_path / "hosts.csv").unlink()
    (tmp_path / "hosts.csv").mkdir()
    assert faults(load_site(site).inventory) == [" cannot be read: Is a directory"]

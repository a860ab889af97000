"""An inventory that changes while a watch runs -> new names, or those of before where it is
broken.
"""

from pathlib import Path

from eveproc.watching.inventory_file import LOOK_EVERY, InventoryFile
from rulegen.inventory import NO_INVENTORY, read_inventory


def test_a_changed_file_is_read_and_a_missing_one_forgets_no_name(tmp_path: Path) -> None:
    file, said = tmp_path / "hosts.csv", list[str]()
    file.write_text("address,name\n10.20.1.7,desk\n")
    watched = InventoryFile(read_inventory(file), said.append)
    assert watched.changed(100.0) is None
    file.write_text("address,name\n10.20.1.7,laptop\nx,y\n")
    assert watched.changed(100.0 + LOOK_EVERY / 2) is None
    new = watched.changed(100.0 + LOOK_EVERY)
    assert new
    found = new.entry_for("", ("10.20.1.7",))
    assert found
    assert found.get("name") == "laptop"
    assert [line.split(": ")[1:3] for line in said] == [
        [f"{file}:3", "invalid address 'x'"],
        [f"{file} was reloaded"],
    ]
    said.clear()
    file.unlink()
    assert watched.changed(100.0 + 2 * LOOK_EVERY) is None
    assert said == [
        f"inventory: {file}: cannot be read: No such file or directory; skipped",
        f"inventory: {file}: the names read before stay in force",
    ]


def test_a_site_without_an_inventory_has_nothing_to_look_at() -> None:
    said = list[str]()
    assert InventoryFile(NO_INVENTORY, said.append).changed(1e9) is None
    assert said == []

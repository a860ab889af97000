"""suricata.yaml texts, includes among them -> settings with their places, and address groups as
plain networks."""

import subprocess
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rulegen.engines import find_engine
from rulegen.errors import InputError
from rulegen.site_profile import Network
from rulegen.suricata_yaml import Setting, address_group, read_suricata_yaml
from rulegen.vocabulary import Engine


def write(folder: Path, text: str, name: str = "suricata.yaml") -> Path:
    path = folder / name
    path.write_text(f"%YAML 1.1\n---\n{text}")
    return path


def group(folder: Path, text: str, name: str = "X") -> list[str]:
    root = read_suricata_yaml(write(folder, f"vars:\n  address-groups:\n    {text}\n"))
    return [str(network) for network in address_group(root, name).networks()]


def texts(setting: Setting | None) -> list[str]:
    assert setting is not None
    return [item.text for item in setting.items]


def test_every_scalar_is_text_with_its_place(tmp_path: Path) -> None:
    root = read_suricata_yaml(write(tmp_path, "a:\n  b: yes\n  c: 0x10\n  d: [1, x]\n"))
    found = root.at("a", "c")
    assert found is not None
    assert (found.text, found.line, found.file) == ("0x10", 5, str(tmp_path / "suricata.yaml"))
    assert texts(root.at("a", "d")) == ["1", "x"]
    assert root.at("a", "gone", "further") is None
    assert str(found.problem("a.c", "is odd")) == f"{tmp_path}/suricata.yaml:5: [a.c]: is odd"


@pytest.mark.parametrize(
    ("text", "on", "off"),
    [
        ("yes", True, False),
        ("On", True, False),
        ("no", False, True),
        ("0", False, True),
        ("maybe", False, False),
    ],
)
def test_switches(text: str, on: bool, off: bool) -> None:
    setting = Setting("f", 1, text)
    assert (setting.is_on, setting.is_off) == (on, off)


def test_entries_of_a_list_are_found_plain_or_with_options(tmp_path: Path) -> None:
    root = read_suricata_yaml(
        write(tmp_path, "types:\n  - dns\n  - alert: {metadata: no}\n  - dns: {version: 2}\n")
    )
    types = root.at("types")
    assert types is not None
    assert len(types.entries("dns")) == 2
    assert [entry.at("metadata") is not None for entry in types.entries("alert")] == [True]
    assert types.entries("smtp") == ()


def test_includes_stand_where_they_are_and_the_last_one_wins(tmp_path: Path) -> None:
    write(
        tmp_path, "a: from one\nb: from one\nvars: {address-groups: {X: 10.1.0.0/16}}\n", "one.yaml"
    )
    write(tmp_path, "deep: {er: yes}\n", "two.yaml")
    root = read_suricata_yaml(
        write(
            tmp_path,
            "a: early\ninclude: one.yaml\nb: late\nc: !include two.yaml\ninclude: [two.yaml]\n",
        )
    )
    found = [
        root.at("a"),
        root.at("b"),
        root.at("c", "deep", "er"),
        root.at("deep", "er"),
        root.at("vars", "address-groups", "X"),
    ]
    assert [setting.text for setting in found if setting] == [
        "from one",
        "late",
        "yes",
        "yes",
        "10.1.0.0/16",
    ]
    assert found[0] is not None
    assert found[0].file == str(tmp_path / "one.yaml")


def test_dotted_keys_add_to_lists_and_mappings(tmp_path: Path) -> None:
    text = "rule-files: [a.rules]\noutputs:\n  - fast: {enabled: yes}\nrule-files.mine: b.rules\noutputs.mine: eve-log\n"
    root = read_suricata_yaml(
        write(
            tmp_path,
            text + "outputs.mine.eve-log: {enabled: yes}\nvars.address-groups.X: 10.0.0.0/8\n",
        )
    )
    assert texts(root.at("rule-files")) == ["a.rules", "b.rules"]
    outputs = root.at("outputs")
    assert outputs is not None
    assert [log.at("enabled") is not None for log in outputs.entries("eve-log")] == [True]
    assert len(outputs.entries("fast")) == 1
    assert [str(network) for network in address_group(root, "X").networks()] == ["10.0.0.0/8"]


def test_includes_and_dotted_keys_are_what_suricata_itself_makes_of_them(
    suricata_7: Engine, tmp_path: Path
) -> None:
    write(
        tmp_path,
        "vars.address-groups.X: 10.9.0.0/16\nrule-files.mine: b.rules\nstats: {enabled: no}\n",
        "more.yaml",
    )
    text = "vars: {address-groups: {HOME_NET: 10.0.0.0/8}}\nrule-files: [a.rules]\nstats: {enabled: yes, interval: 8}\ninclude: more.yaml\n"
    path = write(tmp_path, text)
    engine = find_engine(suricata_7)
    assert engine is not None
    dump = subprocess.run(
        [engine.path, "-c", path, "--dump-config"], capture_output=True, text=True, check=True
    ).stdout
    told = dict(line.split(" = ", 1) for line in dump.splitlines() if " = " in line)
    root = read_suricata_yaml(path)
    for key in (
        "vars.address-groups.X",
        "vars.address-groups.HOME_NET",
        "rule-files.0",
        "rule-files.mine",
        "stats.enabled",
    ):
        found = root.at(*key.split("."))
        assert found is not None
        assert found.text == told[key]
    assert (root.at("stats", "interval") is None) == ("stats.interval" not in told)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "suricata.yaml: holds no settings: expected a suricata.yaml"),
        ("- a\n- b: [\n", "suricata.yaml:5: is not YAML"),
        ("include: gone.yaml\n", "gone.yaml: cannot be read: No such file or directory"),
        ("a: 1\ninclude: gone.yaml\n", "suricata.yaml:4: [include]: "),
        ("include: suricata.yaml\n", "suricata.yaml: includes itself"),
        (
            "a: &a [x,x,x,x,x,x,x,x,x]\n"
            + "".join(
                f"{new}: &{new} [{','.join(['*' + old] * 9)}]\n"
                for old, new in zip("abcdef", "bcdefg", strict=True)
            ),
            "suricata.yaml:3: holds more than 200000 values: expected a suricata.yaml",
        ),
        ("a: &x [*x]\n", "suricata.yaml: is nested too deeply, or refers to itself"),
    ],
)
def test_refusals(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(InputError) as caught:
        read_suricata_yaml(write(tmp_path, text))
    assert expected in str(caught.value)


def test_an_include_that_is_no_mapping_sets_nothing(tmp_path: Path) -> None:
    write(tmp_path, "[a, b]\n", "list.yaml")
    (tmp_path / "empty.yaml").write_text("")
    root = read_suricata_yaml(
        write(tmp_path, "a: 1\ninclude: [list.yaml, empty.yaml]\nb: !include empty.yaml\n")
    )
    assert set(root.keys) == {"a", "b"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('X: "[192.168.0.0/16,10.0.0.0/8]"', ["10.0.0.0/8", "192.168.0.0/16"]),
        ("X: 10.0.0.1", ["10.0.0.1/32"]),
        ("X: [10.0.0.0/8, '2001:db8::/32']", ["10.0.0.0/8", "2001:db8::/32"]),
        ("X: 10.1.2.3/8", ["10.0.0.0/8"]),
        ("X: 10.0.0.0/255.0.0.0", ["10.0.0.0/8"]),
        ("X: 10.0.0.0-10.0.0.255", ["10.0.0.0/24"]),
        ("X: '2001:db8::-2001:db8::ff'", ["2001:db8::/120"]),
        ('X: "[10.0.0.0/24, !10.0.0.0/25]"', ["10.0.0.128/25"]),
        ('X: "[10.0.0.0/24, ![10.0.0.0/25, 10.0.0.128/26]]"', ["10.0.0.192/26"]),
        ('X: "[10.0.0.0/24, !10.0.0.0/16]"', []),
        ("X: \"[10.0.0.0/24, !'2001:db8::/32']\"".replace("'", ""), ["10.0.0.0/24"]),
        ("X: $Y\n    Y: '[10.0.0.0/25, $Z]'\n    Z: 10.0.0.128/25", ["10.0.0.0/24"]),
        ('X: "[10.0.0.0/24, 10.2.0.0/24, !10.0.0.0/24]"', ["10.2.0.0/24"]),
        ('X: "[2001:db8::/32, !2001:db8::/33]"', ["2001:db8:8000::/33"]),
        ("X: any", ["0.0.0.0/0", "::/0"]),
        ("X: '!128.0.0.0/1'", ["0.0.0.0/1", "::/0"]),
        (
            "X: '[!$Y, 10.0.0.0/8]'\n    Y: 10.1.0.0/16",
            [
                "10.0.0.0/16",
                "10.2.0.0/15",
                "10.4.0.0/14",
                "10.8.0.0/13",
                "10.16.0.0/12",
                "10.32.0.0/11",
                "10.64.0.0/10",
                "10.128.0.0/9",
            ],
        ),
    ],
)
def test_address_groups(tmp_path: Path, text: str, expected: list[str]) -> None:
    assert group(tmp_path, text) == expected


def test_any_is_any(tmp_path: Path) -> None:
    root = read_suricata_yaml(
        write(tmp_path, "vars: {address-groups: {X: any, Y: '!10.0.0.0/8', Z: 10.0.0.0/8}}")
    )
    assert [address_group(root, name).is_any for name in "XYZ"] == [True, False, False]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Y: 10.0.0.0/8", "[vars.address-groups.X]: is not set"),
        ("X: $Y", "[vars.address-groups.Y]: is not set"),
        ("X: $Y\n    Y: $X", "suricata.yaml:5: [vars.address-groups.X]: refers to itself"),
        ("X: ten", "suricata.yaml:5: [vars.address-groups.X]: 'ten' cannot be read"),
        ('X: "[10.0.0.0/8"', "a bracket is not closed"),
        ('X: "10.0.0.0/8]"', "']' is one bracket too many"),
        ('X: "[10.0.0.0/8,!]"', "nothing follows a !"),
        ('X: "!"', "nothing follows a !"),
        ("X: '10.0.0.1-2001:db8::1'", "mixes IPv4 and IPv6"),
        (f"X: '{'[' * 3000}10.0.0.0/8{']' * 3000}'", "[vars.address-groups.X]"),
    ],
)
def test_address_groups_that_cannot_be_read(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(InputError) as caught:
        group(tmp_path, text)
    assert expected in str(caught.value)


BLOCKS = st.builds(
    lambda number, length: ip_network((10 << 24 | number << 12, length), strict=False),
    st.integers(0, 4095),
    st.integers(8, 24),
)


@given(
    st.lists(BLOCKS, min_size=1, max_size=4),
    st.lists(BLOCKS, max_size=4),
    st.integers(10 << 24, (11 << 24) - 1),
)
def test_an_address_is_in_the_networks_if_it_is_inside_and_not_outside(
    inside: list[Network], outside: list[Network], number: int
) -> None:
    words = [*map(str, inside), *(f"!{network}" for network in outside)]
    root = Setting("f", 1).having(
        ["vars", "address-groups", "X"], Setting("f", 1, f"[{','.join(words)}]")
    )
    address = ip_address(number)
    meant = any(address in network for network in inside) and not any(
        address in network for network in outside
    )
    assert any(address in network for network in address_group(root, "X").networks()) == meant


@given(st.text("[]!,$X .10/8-:any", max_size=40))
def test_any_text_is_a_group_or_an_input_error(text: str) -> None:
    root = Setting("f", 1).having(["vars", "address-groups", "X"], Setting("f", 1, text))
    assert fault(root).startswith(
        ("f:1: [vars.address-groups.", "f: [vars.address-groups.")
    ) or not fault(root)


def fault(root: Setting) -> str:
    try:
        address_group(root, "X").networks()
    except InputError as error:
        return str(error)
    return ""

"""rules/ in the repository: the example profile has every key, and the build is what rulegen
writes, byte for byte.
"""

from datetime import date
from pathlib import Path

from rulegen.build import build
from rulegen.site_profile import load_site
from rulegen.vocabulary import Engine
from rulegen.yamlfile import read_yaml

RULES = Path(__file__).parents[1] / "rules"
REBUILD = "run: rulegen build -s rules/site.yaml -o rules"


def test_the_committed_build_is_current(tmp_path: Path) -> None:
    build(load_site(RULES / "site.yaml"), (), tmp_path, date(2026, 3, 2))
    built = {
        path.relative_to(tmp_path): path.read_bytes()
        for path in tmp_path.rglob("*")
        if path.is_file()
    }
    committed = {
        path.relative_to(RULES): path.read_bytes()
        for engine in Engine
        for path in (RULES / engine).iterdir()
    }
    assert sorted(built) == sorted(committed), REBUILD
    assert built == committed, REBUILD


def test_the_example_sets_every_key() -> None:
    document = read_yaml(RULES / "site.yaml")
    assert isinstance(document.value, dict)
    keys = {
        "home_networks",
        "mail_servers",
        "resolvers",
        "internal_domains",
        "exempt",
        "thresholds",
        "sid_base",
        "ports",
        "sensors",
        "separate_by",
        "inventory",
    }
    assert set(document.value) == keys
    site = load_site(RULES / "site.yaml")
    assert site.inventory.problems == ()
    assert len(site.inventory.by_mac) + len(site.inventory.by_network) == 3
    assert site.thresholds
    assert site.network_thresholds
    assert {exemption.until is None for exemption in site.exempt} == {True, False}
    assert {not exemption.signals for exemption in site.exempt} == {True, False}

"""suricata.yaml + a generic build -> address variables with which its rules do not load.

Each is shown on Suricata 7 and 8 by tests/rulegen/test_generic.py.
"""

from collections.abc import Iterator

from rulegen.errors import InputError, Problem
from rulegen.generic import HOME, SERVERS
from rulegen.loaded_rules import SILENCED, BuiltRules
from rulegen.suricata_yaml import Setting, address_group, address_set

_KEY = "vars.address-groups"


def generic_problems(root: Setting, built: BuiltRules) -> Iterator[Problem]:
    """Variables that are not set, that leave no host or all hosts, or that are invalid."""
    groups = root.at("vars", "address-groups") or root
    unset = [name for name in (HOME, *SERVERS) if groups.at(name[1:]) is None]
    for name in unset:
        what = f"is not set, so no rule of this build loads ({SILENCED}: all rules)"
        yield groups.problem(f"{_KEY}.{name[1:]}", what)
    if unset:
        return
    try:
        yield from _home_problems(root, groups, built)
        for name in SERVERS:
            yield from _server_problems(root, groups, name)
    except InputError as error:
        yield from error.problems


def _home_problems(root: Setting, groups: Setting, built: BuiltRules) -> Iterator[Problem]:
    home = address_group(root, HOME[1:])
    if not home.inside or any(network.prefixlen == 0 for network in home.networks()):
        what = (
            f"is every address, so no host is external and rules with !{HOME} do not load; list "
            f"your networks ({SILENCED}: {_with_external(built)})"
        )
        yield _named(groups, HOME).problem(f"{_KEY}.{HOME[1:]}", what)


def _with_external(built: BuiltRules) -> str:
    found = {
        signal
        for rule in built.alerting.values()
        if f"!{HOME}" in rule.header
        for signal in rule.metadata.get("mxhound_signal", ())
    }
    return ", ".join(sorted(found))


def _server_problems(root: Setting, groups: Setting, name: str) -> Iterator[Problem]:
    is_empty = not address_group(root, name[1:]).inside
    if is_empty or not address_set(root, f"[{HOME},!{name}]").networks():
        setting = _named(groups, name)
        what = (
            f"is {setting.text or 'a list'}, which leaves no host of {HOME} to watch, so no rule "
            "of this build loads; list the servers, or an address that is not of "
            f"{HOME} where there are none ({SILENCED}: all rules)"
        )
        yield setting.problem(f"{_KEY}.{name[1:]}", what)


def _named(groups: Setting, name: str) -> Setting:
    """The setting of a variable; generic_problems has checked that it exists."""
    return groups.at(name[1:]) or groups

"""The rendered rules of a site -> parts of every build: rules file, sid-msg.map, suppressions."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from itertools import chain
from types import MappingProxyType

from msgspec import Struct

from rulegen.addresses import short
from rulegen.networks import NetworkIndex
from rulegen.render import NotRendered, RenderedRule
from rulegen.site_profile import Exemption, Network, SiteProfile
from rulegen.vocabulary import SURICATAS, Engine, HostSide

RULES = "mxhound.rules"
SID_MAP = "sid-msg.map"

# Maximum number of names of a kind in the comments at the head of the rules: even with the longest
# names well below LONGEST_RULE.
NAMED = 20

# How the first line of the rules starts; the engine's name and a comma follow.
TITLE = "# Rules of mxhound for "

# Suricata reads a rules file in pieces of 8192 bytes (DETECT_MAX_RULE_SIZE), one of which is the
# terminating zero; longer lines are cut in two. Tried with 7.0.10 and 8.0.8: 8191 bytes load, 8192
# do not.
LONGEST_RULE = 8191
# Tried with Snort 2.9.20: 32765 load, 32766 do not. Snort 3.11 read 62,000 bytes, so it has no
# entry.
_LONGEST: Mapping[Engine, tuple[int, str]] = MappingProxyType(
    dict.fromkeys(SURICATAS, (LONGEST_RULE, "Suricata reads them in pieces of 8192 bytes"))
    | {Engine.SNORT_29: (32765, "Snort 2.9 reads lines of less than 32768 bytes")}
)


class Suppression(Struct, frozen=True):
    """A rule not to alert on a network; `track` is the end of the packet: by_src or by_dst."""

    sid: int
    track: str
    network: str


def lines(texts: Iterable[str]) -> str:
    """The texts as lines of a file."""
    return "".join(f"{text}\n" for text in texts)


def length_fault(text: str, engine: Engine) -> str | None:
    """Why the engine cannot read this rule, and how to shorten it; None if it can."""
    size = len(text.encode())
    longest, why = _LONGEST.get(engine, (size, ""))
    if size <= longest:
        return None
    return (
        f"{size} bytes are too long for a line of rules: {why}; expected at most {longest}. "
        "In the profile, shorten internal_domains: name the domains above them"
    )


def rules_text(
    site: SiteProfile,
    engine: Engine,
    rules: Sequence[RenderedRule],
    left_out: Sequence[NotRendered],
) -> str:
    """mxhound.rules: the site, the rules that are left out, and every rule below a line on what it
    sees.
    """
    return rules_below(tuple(_head(site, engine)), engine, rules, left_out)


def rules_below(
    head: Sequence[str],
    engine: Engine,
    rules: Sequence[RenderedRule],
    left_out: Sequence[NotRendered],
) -> str:
    """mxhound.rules below the comments `head`, the first of which begins with TITLE."""
    return lines([*head, *_rules(engine, rules, left_out)])


def _head(site: SiteProfile, engine: Engine) -> Iterator[str]:
    yield (
        f"{TITLE}{engine}, made by rulegen from the site's profile; "
        "the next build overwrites this file."
    )
    yield (
        f"# Home: {_named(site.home_networks)}. "
        f"Mail servers, not watched: {_named(site.mail_servers)}."
    )
    yield (
        f"# Resolvers, not watched: {_named(site.resolvers)}. "
        f"Own domains: {_some(site.internal_domains)}."
    )


def _rules(
    engine: Engine, rules: Sequence[RenderedRule], left_out: Sequence[NotRendered]
) -> Iterator[str]:
    for missing in left_out:
        yield f"# Not here: {missing.name}: {missing.reason}."
    for rule in rules:
        yield ""
        yield f"# {rule.spec.name}: {rule.spec.sees}."
        if missed := rule.spec.misses.get(engine):
            yield f"# Not visible to it: {missed}."
        yield rule.text


def sid_map_text(rules: Sequence[RenderedRule]) -> str:
    """sid-msg.map: SID || MSG || REFERENCE..., as idstools and Barnyard2 read it."""
    return lines(_sid_map(rules))


def _sid_map(rules: Sequence[RenderedRule]) -> Iterator[str]:
    for rule in rules:
        references = (f"{reference.kind},{reference.value}" for reference in rule.spec.references)
        yield " || ".join((str(rule.sid), rule.spec.msg, *references))


def headed_exemptions(
    site: SiteProfile, rules: Sequence[RenderedRule], today: date
) -> Iterator[tuple[str, tuple[Suppression, ...], str | None]]:
    """For each exemption: host and reason, its suppressions, and why if there are none."""
    alerting = _Alerting(rules)
    for exemption in site.exempt:
        until = f"until {exemption.until}" if exemption.until else "for good"
        title = f"{short(exemption.network)}, {until}: {exemption.reason}"
        if not exemption.in_force(today):
            yield title, (), "Left out: its last day is past."
            continue
        found = tuple(_suppressions(exemption, alerting))
        yield (
            title,
            found,
            None if found else "No rule alerts on it; eveproc honours it in the logs.",
        )


class _Alerting:
    """The rules that alert, with a threshold, on some of the hosts of a network."""

    def __init__(self, rules: Sequence[RenderedRule]) -> None:
        self._rules = [rule for rule in rules if rule.threshold is not None]
        self._by_network: dict[Network | None, list[int]] = {}
        for number, rule in enumerate(self._rules):
            self._by_network.setdefault(rule.network, []).append(number)
        self._index = NetworkIndex(network for network in self._by_network if network)

    def on(self, network: Network) -> Iterator[RenderedRule]:
        """Its alerting rules, in the order of the rules."""
        parts = (None, *self._index.overlapping(network))
        numbers = (self._by_network.get(part, ()) for part in parts)
        return (self._rules[number] for number in sorted(chain.from_iterable(numbers)))


def _suppressions(exemption: Exemption, alerting: _Alerting) -> Iterator[Suppression]:
    for rule in alerting.on(exemption.network):
        if not exemption.signals or rule.spec.signal in exemption.signals:
            yield Suppression(rule.sid, track(rule), short(exemption.network))


def suppress_lines(site: SiteProfile, rules: Sequence[RenderedRule], today: date) -> Iterator[str]:
    """The suppressions in the syntax that Suricata and Snort 2.9 share."""
    for title, suppressions, nothing in headed_exemptions(site, rules, today):
        yield ""
        yield f"# {title}"
        if nothing:
            yield f"# {nothing}"
        for one in suppressions:
            yield f"suppress gen_id 1, sig_id {one.sid}, track {one.track}, ip {one.network}"


def track(rule: RenderedRule) -> str:
    """The end of the packet that is the suspect, as thresholds name it: by_src or by_dst."""
    return "by_src" if rule.spec.host_side is HostSide.SOURCE else "by_dst"


def _named(networks: Sequence[Network]) -> str:
    return _some(list(map(short, networks)))


def _some(names: Sequence[str]) -> str:
    """The first names and the number of the others.

    Suricata cuts long lines in two, and takes the rest of a comment for a rule.
    """
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "") or "none"

"""The rendered rules of a site -> the four files that Suricata is given: rules, suppressions, sid-msg.map, settings."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date

from rulegen.addresses import flat, overlap, short
from rulegen.render import NotRendered, RenderedRule, render_file
from rulegen.site import Exemption, Network, SiteProfile
from rulegen.vocabulary import Engine, HostSide

RULES = "mxhound.rules"
THRESHOLDS = "threshold.config"
SID_MAP = "sid-msg.map"
SETTINGS = "mxhound.yaml"
# Keys of that file; a site may have none of some groups.
SETTING_KEYS = ("rule-files.mxhound", "threshold-file", "outputs.mxhound", "outputs.mxhound.eve-log")
GROUP_KEYS = tuple(f"vars.address-groups.{name}" for name in ("HOME_NET", "SMTP_SERVERS", "DNS_SERVERS"))

# So many of a kind are named in the comments at the head of the rules: with the longest names still well below LONGEST_RULE.
NAMED = 20

# How the first line of the rules starts; the engine's name and a comma follow.
TITLE = "# Rules of mxhound for "

# Suricata reads a rules file in pieces of 8192 bytes (DETECT_MAX_RULE_SIZE), one of which is the end of the text; what is
# longer is cut in two. Tried with 7.0.10 and 8.0.8: 8191 bytes load, 8192 do not.
LONGEST_RULE = 8191

# Where docs/loading-rules.md puts a build; written into mxhound.yaml, because Suricata knows no path beside the including file.
FOLDER = "/etc/suricata/mxhound"


def suricata_files(
    site: SiteProfile, engine: Engine, rules: Sequence[RenderedRule], left_out: Sequence[NotRendered], today: date
) -> Mapping[str, str]:
    """File name -> text, for one engine."""
    return {
        RULES: _lines(_rules(site, engine, rules, left_out)),
        THRESHOLDS: _lines(_thresholds(site, rules, today)),
        SID_MAP: _lines(_sid_map(rules)),
        SETTINGS: render_file(engine, SETTINGS, engine=engine, folder=FOLDER, variables=_variables(site)),
    }


def length_fault(text: str) -> str | None:
    """Why Suricata cannot read this rule, and what makes it shorter; None where it can."""
    size = len(text.encode())
    if size <= LONGEST_RULE:
        return None
    return (
        f"{size} bytes are too long for a line of rules: Suricata reads them in pieces of 8192 bytes; allowed are {LONGEST_RULE}. "
        "In the profile, shorten home_networks, mail_servers, resolvers, internal_domains or the networks of thresholds: "
        "name networks, not addresses"
    )


def _lines(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _rules(site: SiteProfile, engine: Engine, rules: Sequence[RenderedRule], left_out: Sequence[NotRendered]) -> Iterator[str]:
    yield f"{TITLE}{engine}, made by rulegen from the site's profile; the next build overwrites this file."
    yield f"# Home: {_named(site.home_networks)}. Mail servers, not watched: {_named(site.mail_servers)}."
    yield f"# Resolvers, not watched: {_named(site.resolvers)}. Own domains: {_some(site.internal_domains)}."
    for missing in left_out:
        yield f"# Not here: {missing.name}: {missing.reason}."
    for rule in rules:
        yield ""
        yield f"# {rule.spec.name}: {rule.spec.sees}."
        yield rule.text


def _thresholds(site: SiteProfile, rules: Sequence[RenderedRule], today: date) -> Iterator[str]:
    yield "# Suppressions made by rulegen from `exempt` of the site's profile; the next build overwrites this file."
    for exemption in site.exempt:
        until = f"until {exemption.until}" if exemption.until else "for good"
        yield ""
        yield f"# {short(exemption.network)}, {until}: {exemption.reason}"
        if not exemption.in_force(today):
            yield "# Left out: its last day is past."
            continue
        yield from list(_suppressions(exemption, rules)) or ["# No rule alerts on it; eveproc honours it in the logs."]


def _suppressions(exemption: Exemption, rules: Sequence[RenderedRule]) -> Iterator[str]:
    for rule in rules:
        if rule.threshold is None or (exemption.signals and rule.spec.signal not in exemption.signals):
            continue
        if rule.network is not None and not overlap(rule.network, exemption.network):
            continue
        side = "by_src" if rule.spec.host_side is HostSide.SOURCE else "by_dst"
        yield f"suppress gen_id 1, sig_id {rule.sid}, track {side}, ip {short(exemption.network)}"


def _sid_map(rules: Sequence[RenderedRule]) -> Iterator[str]:
    for rule in rules:
        references = (f"{reference.kind},{reference.value}" for reference in rule.spec.references)
        yield " || ".join((str(rule.sid), rule.spec.msg, *references))


def _variables(site: SiteProfile) -> list[tuple[str, str]]:
    """Address groups as the rules of others use them; a group that the site leaves empty is not set."""
    groups = {"HOME_NET": site.home_networks, "SMTP_SERVERS": site.mail_servers, "DNS_SERVERS": site.resolvers}
    return [(name, flat(networks)) for name, networks in groups.items() if networks]


def _named(networks: Sequence[Network]) -> str:
    return _some(list(map(short, networks)))


def _some(names: Sequence[str]) -> str:
    """The first names and the number of the others: Suricata takes the rest of a comment that it cut in two for a rule."""
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "") or "none"

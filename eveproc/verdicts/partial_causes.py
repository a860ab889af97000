"""InputSeen -> causes that leave a part unseen, and their remedies. Pure."""

from collections.abc import Iterator

from eveproc.input.read_stats import NO_CONTENT
from eveproc.signals.domains import is_public_suffix
from eveproc.verdicts.input_seen import InputSeen
from eveproc.verdicts.judgement import Cause
from eveproc.verdicts.left_out import left_out
from eveproc.verdicts.record_gaps import EXPECTED_RECORDS, gaps_in_records, silences
from eveproc.verdicts.remedies import TYPES
from eveproc.verdicts.unseen_traffic import unseen_traffic
from eveproc.verdicts.unusable_lines import lines_not_usable
from rulegen.site_profile import Network
from rulegen.units import count_of

# Sites often list these blocks whole, used or not, so seeing no host of one is normal.
CATCH_ALL = frozenset(("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fd00::/8"))
# If this many home hosts and sampled external connections show no DNS query, the sensor does not
# see DNS.
CLIENTS_WITHOUT_DNS, CONNECTIONS_WITHOUT_DNS = 5, 20
# With fewer records, a home network may be missing by chance.
MUCH_BYTES, MUCH_HOURS = 200_000, 12
# Fewer unanswered requests than this leave no dhcp record.
DHCP_FLOWS = 10


def partial_causes(seen: InputSeen) -> Iterator[Cause]:
    """Everything that could not be seen though the rest could."""
    yield from _missing_kinds(seen)
    yield from _no_questions(seen)
    yield from _no_messages(seen)
    yield from _home_networks(seen)
    yield from _domains_of_all(seen)
    yield from unseen_traffic(seen)
    yield from gaps_in_records(seen)
    yield from silences(seen)
    yield from _unreadable(seen)
    yield from _losses(seen)
    yield from (Cause("beyond_bounds", sentence) for sentence in left_out(seen.store))


def _missing_kinds(seen: InputSeen) -> Iterator[Cause]:
    kinds = seen.kinds
    if not kinds & {"dns", "smtp", "flow"} and not seen.store.flows_logged:
        if seen.coverage.own_alerts:
            yield Cause(
                "alerts_only",
                "the input holds only alerts: slow mailers stay below the rules' thresholds, a "
                "single alert is too little for a verdict, and no rule watches what goes through "
                "the site's own mail servers",
                f"log dns, smtp and flow as well ({TYPES} in suricata.yaml)",
            )
        return
    if seen.coverage.traffic["smtp"] and "smtp" not in kinds:
        yield Cause(
            "no_smtp_records",
            "there are mail connections but no smtp records: content and rejections cannot be "
            "seen, so an undeclared program that delivers directly looks like a mass mailer",
            f"enable smtp ({TYPES} in suricata.yaml) and app-layer: protocols: smtp",
        )
    if "dns" not in kinds and not _has_evidence_of_dns(seen):
        yield from _no_dns(seen)
    yield from _no_flows(seen)
    if seen.coverage.traffic["dhcp"] >= DHCP_FLOWS and "dhcp" not in kinds:
        yield Cause(
            "no_dhcp_records",
            "there is DHCP traffic but there are no dhcp records: a machine that changes "
            "its address counts as several",
            f"enable dhcp ({TYPES} in suricata.yaml)",
        )


def _no_flows(seen: InputSeen) -> Iterator[Cause]:
    if seen.store.flows_logged:
        return
    if "flow" not in seen.kinds:
        yield Cause(
            "no_flow_records",
            "there are no flow records: connections that are refused, unanswered or "
            "encrypted cannot be seen",
            f"enable flow ({TYPES} in suricata.yaml)",
        )
    elif seen.coverage.traffic["tcp"]:
        yield Cause(
            "no_tcp_flags",
            "flow records hold no TCP flags: lookups count as deliveries even if no connection "
            "follows, and hosts that only connect elsewhere are not listed",
            "let the tcp object of flow records reach eve.json unchanged",
        )


def _no_questions(seen: InputSeen) -> Iterator[Cause]:
    """Answers alone, of version 1, or grouped under a question that the shipper left out."""
    records = seen.coverage.span_of("dns").hours.total()
    if records >= EXPECTED_RECORDS and not seen.coverage.traffic["questions"]:
        yield Cause(
            "no_dns_questions",
            "dns records do not name what was asked: lookups of mail servers cannot be seen",
            f"log queries as well as answers ({TYPES} in suricata.yaml), of version 2 or later",
        )


def _no_messages(seen: InputSeen) -> Iterator[Cause]:
    """Envelopes alone: the engine does not decode messages, or every mail was refused."""
    traffic = seen.coverage.traffic
    if traffic["mails"] >= EXPECTED_RECORDS and not traffic["messages"]:
        yield Cause(
            "no_messages",
            f"{count_of(traffic['mails'], 'mail')} in smtp records and no message: attachments, "
            "texts and refused recipients cannot be seen, so mass mailers behind a relay look "
            "clean, and undeclared programs that deliver directly look like mass mailers",
            "set app-layer: protocols: smtp: mime: decode-mime: yes in suricata.yaml",
        )


def _domains_of_all(seen: InputSeen) -> Iterator[Cause]:
    """A public suffix as the site's domain makes every domain below it the site's own."""
    if found := [name for name in seen.site.internal_domains if is_public_suffix(name)]:
        yield Cause(
            "internal_domain_public",
            f"internal_domains lists {', '.join(found)}, below which others register domains: "
            "lookups of their mail servers do not count",
            "list only domains of your own in internal_domains (site.yaml)",
        )


def _has_evidence_of_dns(seen: InputSeen) -> bool:
    return bool(seen.stats.events["dns"])


def _no_dns(seen: InputSeen) -> Iterator[Cause]:
    if seen.coverage.traffic["dns"] or "flow" not in seen.kinds:
        yield Cause(
            "no_dns_records",
            "there are no dns records: lookups of mail servers cannot be seen, so a program that "
            "uses many accounts once looks like a mass mailer",
            f"enable dns ({TYPES} in suricata.yaml) and app-layer: protocols: dns",
        )
    elif (
        len(seen.store.active) >= CLIENTS_WITHOUT_DNS
        and seen.coverage.traffic["external"] >= CONNECTIONS_WITHOUT_DNS
    ):
        yield Cause(
            "no_dns_traffic",
            "home hosts open connections but none queries DNS: lookups of mail servers "
            "cannot be seen",
            "monitor the traffic between clients and their resolver",
        )


def _home_networks(seen: InputSeen) -> Iterator[Cause]:
    unmet = [str(one) for one in seen.site.home_networks if _should_be_met(seen, one)]
    if unmet and seen.met and _is_much(seen):
        yield Cause(
            "home_network_not_seen",
            f"no record of home network{'s' * (len(unmet) > 1)} {', '.join(unmet)}: its "
            "hosts are not judged",
            "check home_networks in site.yaml, and whether the sensor sees this network",
        )
    versions = {network.version for network in seen.site.home_networks}
    for version in (4, 6):
        clients = seen.other_clients_named(version)
        if not clients or not seen.met:
            continue
        if version not in versions:
            yield Cause(
                f"no_ipv{version}_home",
                f"IPv{version} clients were seen ({clients}) but home_networks has no "
                f"IPv{version} "
                "network: they are not judged",
                "add the site's networks to home_networks in site.yaml",
            )
        elif own := seen.other_clients_named(version, only_own=True):
            yield Cause(
                "clients_not_home",
                f"clients of {own} were seen, which home_networks does not list: they are "
                "not judged",
                "add them to home_networks in site.yaml if they belong to the site",
            )


def _should_be_met(seen: InputSeen, network: Network) -> bool:
    """True for a site's own network that every day's records should show."""
    name = str(network)
    is_special = network.is_loopback or network.is_link_local
    is_single = network.prefixlen == network.max_prefixlen
    is_met = name in seen.met or name in seen.coverage.home_broadcasters
    return not (is_special or is_single or is_met or name in CATCH_ALL)


def _is_much(seen: InputSeen) -> bool:
    """True if there are enough records that every network of the site should appear."""
    hours = seen.coverage.hours
    size = sum(span.bytes for span in hours.values())
    return size >= MUCH_BYTES or len(hours) >= MUCH_HOURS


def _unreadable(seen: InputSeen) -> Iterator[Cause]:
    for problem in seen.stats.problems:
        if problem.what not in NO_CONTENT:
            yield Cause("file_not_read", f"{problem}")
    yield from lines_not_usable(seen)
    future = seen.store.unused["dated in the future"]
    if future or seen.coverage.outside["dated in the future"]:
        yield Cause(
            "dated_in_future",
            "records are dated in the future and do not count",
            "check the sensor's clock",
        )


def _losses(seen: InputSeen) -> Iterator[Cause]:
    for sentence in seen.store.health.losses():
        yield Cause("sensor_loss", sentence)

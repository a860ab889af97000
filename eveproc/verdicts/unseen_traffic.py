"""InputSeen -> causes in the position of the sensor, and their remedies. Pure."""

from collections.abc import Iterator

from eveproc.input.events import Flow
from eveproc.verdicts.input_seen import ONE_SIDED, InputSeen
from eveproc.verdicts.judgement import Cause
from eveproc.verdicts.record_gaps import EXPECTED_RECORDS, who_is
from eveproc.verdicts.remedies import BOTH_DIRECTIONS, MIRROR

# Minimum number of sampled connections between home hosts without one connection or query to an
# external server. If nine of ten are internal, chance does that in one log of seventy.
ONLY_INTERNAL = 40
# Minimum number of sampled flow records without any TCP connection of a home host in the whole
# input.
FLOWS_WITHOUT_CONNECTION = 5
# Minimum number of sampled connections of declared mail servers without one of another home host.
# If every second is of another host, chance does that in one log of a thousand.
ONLY_SERVERS = 10
# A smaller share of one-sided connections may be due to lost packets.
SHARE_ONE_SIDED = 0.2
# With this many home hosts that only broadcast, and fewer that connect, the sensor sees no
# connections.
BROADCASTERS = 5


def unseen_traffic(seen: InputSeen) -> Iterator[Cause]:
    """Traffic of home hosts that does not reach the sensor though other traffic does."""
    yield from _no_external_traffic(seen)
    yield from _only_servers(seen)
    yield from _no_connections(seen)
    yield from _one_direction(seen)
    yield from _broadcasters(seen)
    yield from _sensors_without_connection(seen)


def _no_external_traffic(seen: InputSeen) -> Iterator[Cause]:
    """A sensor between clients and servers of the site sees no mail that leaves it."""
    traffic = seen.coverage.traffic
    if traffic["internal"] >= ONLY_INTERNAL and not traffic["external"] + traffic["smtp"]:
        yield Cause(
            "no_external_traffic",
            "home hosts connect to home hosts only: mail to external servers cannot be seen",
            "let the sensor monitor the traffic to the Internet, and list no external network "
            "in home_networks",
        )


def _only_servers(seen: InputSeen) -> Iterator[Cause]:
    """A mail server's mail is its business; an address that all clients share hides theirs."""
    traffic = seen.coverage.traffic
    if traffic["of_mail_servers"] >= ONLY_SERVERS and not traffic["of_clients"]:
        yield Cause(
            "only_servers_seen",
            "the only home hosts that connect are those of mail_servers, whose mail is expected: "
            "no client was judged",
            f"{MIRROR}; if clients share the address of a mail server (NAT), remove it from "
            "mail_servers in site.yaml and monitor the internal side of the gateway",
        )


def _no_connections(seen: InputSeen) -> Iterator[Cause]:
    """A sensor beside a resolver sees only lookups, some of them of mail servers."""
    flows = sum(seen.coverage.span_of(Flow.TYPE).hours.values())
    shows_any = seen.store.flows_logged or seen.coverage.traffic["tcp"] or "smtp" in seen.kinds
    if flows >= FLOWS_WITHOUT_CONNECTION and seen.met and not shows_any:
        yield Cause(
            "no_connections",
            "home hosts were seen, but no TCP connection of them: mail that they send cannot be "
            "seen",
            MIRROR,
        )


def _one_direction(seen: InputSeen) -> Iterator[Cause]:
    """A mirror of one direction, or asymmetric routing."""
    sent, replies, both = map(
        seen.coverage.traffic.__getitem__, ("only_sent", "only_replies", "both_sides")
    )
    share = (sent + replies) / max(1, sent + replies + both)
    part = "all" if share == 1 else f"about {share:.0%} of the"
    if sent + replies >= ONE_SIDED and share > SHARE_ONE_SIDED:
        yield Cause(
            "one_direction",
            f"{part} connections were seen in one direction only: mail in them is not recognized, "
            "so its content and rejections cannot be seen",
            BOTH_DIRECTIONS,
        )


def _broadcasters(seen: InputSeen) -> Iterator[Cause]:
    """The sensor may only see the connections of its own host."""
    silent = seen.without_connection() if seen.store.flows_logged else 0
    if silent >= BROADCASTERS and silent > len(seen.store.active):
        yield Cause(
            "only_broadcasts",
            f"at least {silent} home hosts were seen in unanswered datagrams (broadcasts, "
            "multicasts) or leases only, and in no connection: they are not judged",
            MIRROR,
        )


def _sensors_without_connection(seen: InputSeen) -> Iterator[Cause]:
    """Sensors of which the sample would hold a connection, if they were as frequent as in the flow
    records of the others.
    """
    sampled = seen.coverage.sampled_kinds().items()
    flows = {sensor: number for (sensor, kind), number in sampled if kind == Flow.TYPE}
    connected = seen.coverage.connected
    share = connected.total() / max(1, sum(map(flows.__getitem__, connected)))
    for sensor in sorted(flows.keys() - connected.keys()):
        if share * flows[sensor] >= EXPECTED_RECORDS:
            yield Cause(
                "only_broadcasts",
                f"{who_is(sensor)} logs unanswered datagrams only (broadcasts, multicasts), and no "
                "connection: its hosts are not judged",
                MIRROR,
            )

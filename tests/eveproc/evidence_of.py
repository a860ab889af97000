"""Short ways to say what a host did -> events, and the report on them."""

from msgspec.structs import replace

from eveproc.evidence.collector import Collector
from eveproc.evidence.coverage import Coverage
from eveproc.input.events import Alert, Dhcp, Dns, Flow, Smtp, Tls
from eveproc.input.read_stats import ReadStats
from eveproc.verdicts.analyze import judge_evidence
from rulegen.site_profile import build_profile
from rulegen.vocabulary import METADATA_HOST, METADATA_SIGNAL
from rulegen.yamlfile import parse_yaml

START = 1_772_438_400.0  # 2026-03-02T08:00:00Z
HOST, RELAY, RESOLVER = "10.20.1.7", "10.20.0.25", "10.20.0.53"
SITE = 'home_networks: [10.20.0.0/16, "2001:db8:20::/48"]\nmail_servers: [10.20.0.25]\nresolvers: [10.20.0.53]\n'


def site_of(text=SITE):
    return build_profile(parse_yaml(text, "site.yaml"))


def server(number):
    """A peer's address; each in a network of its own."""
    return f"198.{18 + number // 250 % 2}.{number % 250}.{1 + number // 500}"


def lookup(
    time, name, rrtype="MX", host=HOST, resolver=RESOLVER, rcode="", answer=False, query_id=1
):
    return Dns(
        time=START + time,
        client=host,
        server=resolver,
        is_answer=answer,
        questions=((name, rrtype),),
        rcode=rcode,
        query_id=query_id,
        client_port=1024 + int(time * 10) % 60000,
        flow_id=int(time * 10) + 1,
    )


def flow(time, to, port=25, host=HOST, answered=True, established=True, proto="TCP"):
    return Flow(
        time=START + time,
        client=host,
        server=to,
        server_port=port,
        proto=proto,
        answered=answered,
        established=established,
        client_port=1024 + int(time * 10) % 60000,
        flow_id=int(time * 10) + 2,
    )


def mail(time, to, rcpt="ann@example.org", host=HOST, port=25, mail_from="x@y.test", **more):
    return Smtp(
        time=START + time,
        client=host,
        client_port=1024 + int(time * 10) % 60000,
        server=to,
        server_port=port,
        mail_from=mail_from,
        rcpt_to=(rcpt,) if rcpt else (),
        flow_id=int(time * 10) + 3,
        **more,
    )


def answer(time, name, *addresses, host=HOST, resolver=RESOLVER):
    return replace(
        lookup(time, name, "A", host, resolver, answer=True),
        addresses=tuple((name, address) for address in addresses),
    )


def handshake(time, to, name, port=465, host=HOST):
    client_port = 1024 + int(time * 10) % 60000
    ends = {"client": host, "client_port": client_port, "server": to, "server_port": port}
    return Tls(time=START + time, name=name, **ends)


def lease(time, address, mac="02:00:00:00:00:07", name="lap-7"):
    return Dhcp(time=START + time, mac=mac, address=address, hostname=name)


def alert(
    time, signal, to="198.18.0.1", host=HOST, sid=1_250_001, side="src_ip", metadata=True, **more
):
    said = {METADATA_SIGNAL: (signal,), METADATA_HOST: (side,)} if metadata else {}
    ends = (host, to) if side == "src_ip" else (to, host)
    fields = {"flow_src": host, "gid": 1, **more}
    return Alert(
        time=START + time,
        sid=sid,
        src_ip=ends[0],
        dest_ip=ends[1],
        dest_port=25,
        proto="TCP",
        metadata=said,
        flow_id=9,
        **fields,
    )


def gather(events, site=None):
    collector = Collector(site or site_of())
    for event in events:
        collector.add(event)
    return collector.store


def without_coverage(store):
    """The store without values that are sampled, or counted again if a file repeats them."""
    return replace(store, coverage=Coverage())


def report(events, site=None):
    site = site or site_of()
    return judge_evidence(gather(events, site), site, ReadStats())


def verdict(events, host=HOST, site=None):
    return next(v for v in report(events, site).verdicts if v.host == host)


def web(*hosts):
    """A flow that shows connections are logged."""
    return [flow(0, "198.51.100.80", 443, host=host) for host in hosts or (HOST,)]

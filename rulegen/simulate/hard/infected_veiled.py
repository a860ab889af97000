"""Bots behind NAT, with changing addresses, or partly seen -> packets."""

import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from msgspec.structs import replace

from rulegen.simulate.actor import Actor
from rulegen.simulate.benign import live
from rulegen.simulate.dns import Type
from rulegen.simulate.hard.accounts import daytime, draw_account, read_mail, submit_mail
from rulegen.simulate.hard.kind import infected
from rulegen.simulate.hard.spam import (
    Campaign,
    draw_campaign,
    own_text,
    paced,
    same_text,
    send_to_mx,
    some_start,
    tell,
)
from rulegen.simulate.mail import sentences
from rulegen.simulate.messages import tls_turns
from rulegen.simulate.network import Host
from rulegen.simulate.tcp import Packet
from rulegen.simulate.world import new_domain

_VLAN_TAG = 0x8100


def behind_nat_20(actor: Actor) -> None:
    """A bot at home or in a small office: 20 people share its address.

    Source: RFC 2663 (traditional NAT); household and small office sizes of Eurostat and US Census.
    """
    _behind_nat(actor, actor.rng.randint(15, 25))


def behind_nat_120(actor: Actor) -> None:
    """A bot on a floor or in a hotel: 120 people share its address.

    Source: as behind_nat_20; RFC 6888 (how many share an address behind large NATs).
    """
    _behind_nat(actor, actor.rng.randint(100, 140))


def behind_nat_400(actor: Actor) -> None:
    """A bot in a dormitory: 400 people share its address.

    Source: as behind_nat_120 (RFC 6888).
    """
    _behind_nat(actor, actor.rng.randint(350, 450))


def rotating_ipv6(actor: Actor) -> None:
    """A bot that uses a new IPv6 address every ten minutes to an hour.

    Source: RFC 8981 (temporary addresses; lifetimes are the host's to choose); spam from many
    addresses of one /64 is described in M3AAWG's IPv6 recommendations.
    """
    rng, campaign = actor.rng, _campaign(actor)
    per_minute, begin = rng.uniform(0.5, 4), some_start(actor)
    for _ in range(rng.randint(5, 9)):
        count = rng.randint(10, 25)
        begin = _send_and_move(actor, begin, campaign, count, per_minute) + rng.uniform(30, 300)
    tell(actor, f"from {len(actor.host.addresses)} IPv6 addresses", per_minute)


def dhcp_churn(actor: Actor) -> None:
    """A bot whose lease changes several times a day where the sensor sees no DHCP.

    Source: RFC 2131 (leases, relay agents: a sensor at the border sees neither); Moura et al., "How
    dynamic is the ISP's address space?" (2015: several changes a day at some providers).
    """
    rng, campaign = actor.rng, _campaign(actor)
    per_minute, begin = rng.uniform(0.3, 3), some_start(actor) / 2
    for _ in range(rng.randint(3, 6)):
        pause = rng.uniform(600, 7200) * actor.stage.duration / 86400
        begin = _send_and_move(actor, begin, campaign, rng.randint(20, 45), per_minute) + pause
    tell(actor, f"from {len(actor.host.addresses)} leases", per_minute)


def ipv6_mail_ipv4_lookups(actor: Actor) -> None:
    """A dual-stack bot: queries its resolver over IPv4, delivers over IPv6.

    Source: RFC 8305 (IPv6 is preferred where both exist); resolvers learned by DHCP are IPv4.
    """
    rng, campaign = actor.rng, _campaign(actor)
    per_minute = rng.uniform(2, 30)
    legacy = _second_address(actor)
    for at in paced(actor, some_start(actor), rng.randint(100, 200), per_minute):
        domain = actor.stage.world.recipients_domain(rng, 0.25)
        with _speaking(actor, legacy):
            asked = actor.lookup(at, domain, Type.MX, mail=True)
            for name in actor.stage.world.mail_hosts(domain):
                asked = actor.lookup(asked, name, Type.AAAA, mail=True)
        send_to_mx(actor, asked, campaign, domain, asks=False)
    tell(actor, "asks over IPv4, delivers over IPv6", per_minute)


def over_https_lookups(actor: Actor) -> None:
    """A bot that uses DNS over HTTPS: only connections to port 443 of the resolver are seen.

    Source: RFC 8484 (DNS over HTTPS); Godlua (360 Netlab, 2019), the first malware to use it.
    """
    rng, campaign = actor.rng, _campaign(actor)
    per_minute = rng.uniform(1, 15)
    resolver = actor.stage.world.server("dns.google", actor.version)
    for at in paced(actor, some_start(actor), rng.randint(80, 180), per_minute):
        if rng.random() < 0.3:
            turns = tls_turns("dns.google", rng, exchanges=rng.randint(2, 8))
            actor.connect(at - 1, resolver, 443, turns)
        send_to_mx(actor, at, campaign, actor.stage.world.recipients_domain(rng, 0.25), asks=False)
    tell(actor, "lookups over HTTPS", per_minute)


def seen_from_the_middle(actor: Actor) -> None:
    """The capture starts in the middle of a flood: sessions without a beginning, then whole ones.

    Source: Suricata user guide, "stream: midstream" (sessions picked up in the middle are ignored
    by default).
    """
    rng, campaign = actor.rng, _campaign(actor)
    start, per_minute = some_start(actor), rng.uniform(20, 90)
    for at in paced(actor, start, rng.randint(150, 300), per_minute):
        send_to_mx(actor, at, campaign, actor.stage.world.recipients_domain(rng, 0.25))
    seen_from = start + rng.uniform(0.3, 0.6) * (actor.tape.packets[-1].time - start)
    _keep(actor, lambda packet: packet.time >= seen_from)
    actor.first_mail = seen_from
    tell(actor, "capture starts in the middle", per_minute)


def lossy_sensor(actor: Actor) -> None:
    """The sensor loses a tenth to a third of the packets of a bot.

    Source: Suricata user guide, "Packet capture" and "Statistics" (kernel_drops; a mirror port that
    is oversubscribed loses without a counter).
    """
    rng, campaign = actor.rng, _campaign(actor)
    per_minute, loss = rng.uniform(5, 60), rng.uniform(0.1, 0.33)
    for at in paced(actor, some_start(actor), rng.randint(150, 300), per_minute):
        send_to_mx(actor, at, campaign, actor.stage.world.recipients_domain(rng, 0.25))
    _keep(actor, lambda _: rng.random() >= loss)
    tell(actor, f"{loss:.0%} of the packets lost", per_minute)


def one_direction(actor: Actor) -> None:
    """The sensor sees only packets from the bot: answers take another route.

    Source: Suricata user guide, "stream: async-oneside" (asymmetric routing).
    """
    rng, campaign = actor.rng, _campaign(actor)
    per_minute = rng.uniform(5, 60)
    for at in paced(actor, some_start(actor), rng.randint(150, 300), per_minute):
        send_to_mx(actor, at, campaign, actor.stage.world.recipients_domain(rng, 0.25))
    mac = actor.host.mac
    _keep(actor, lambda packet: packet.frame[6:12] == mac)
    tell(actor, "only its own packets seen", per_minute)


def in_a_vlan(actor: Actor) -> None:
    """A bot on a VLAN trunk: its frames carry an 802.1Q tag.

    Source: IEEE 802.1Q; Suricata user guide, "vlan.use-for-tracking".
    """
    rng, campaign = actor.rng, _campaign(actor)
    per_minute, tag = rng.uniform(1, 30), struct.pack("!HH", _VLAN_TAG, rng.randint(2, 4000))
    for at in paced(actor, some_start(actor), rng.randint(80, 200), per_minute):
        send_to_mx(actor, at, campaign, actor.stage.world.recipients_domain(rng, 0.25))
    actor.tape.packets[:] = [
        Packet(time, frame[:12] + tag + frame[12:]) for time, frame in actor.tape.packets
    ]
    tell(actor, "in a VLAN", per_minute)


def spammer_with_own_mail(actor: Actor) -> None:
    """A bot on a workstation whose owner mails all day: accounts, web and spam side by side.

    Source: Kreibich et al., "Spamcraft" (LEET 2009): bots run beside their owners' programs.
    """
    rng, campaign = actor.rng, _campaign(actor)
    live(actor, rng.randint(20, 60))
    accounts = [draw_account(actor.stage.world, rng) for _ in range(rng.randint(1, 3))]
    for _ in range(rng.randint(10, 30)):
        submit_mail(actor, daytime(actor), rng.choice(accounts))
        read_mail(actor, daytime(actor), rng.choice(accounts))
    actor.first_mail = None
    per_minute = rng.uniform(0.5, 5)
    for at in paced(actor, some_start(actor), rng.randint(60, 150), per_minute):
        send_to_mx(actor, at, campaign, actor.stage.world.recipients_domain(rng, 0.25))
    tell(actor, "beside its owner's mail", per_minute)


def play_people(actor: Actor, count: int) -> None:
    """Accounts and web of this many people behind the actor's address, all day, without a bot."""
    rng = actor.rng
    for _ in range(count):
        account = draw_account(actor.stage.world, rng)
        actor.browse(daytime(actor), f"www.{new_domain(rng)}")
        for _ in range(rng.randint(1, 4)):
            read_mail(actor, daytime(actor), account, cached=rng.random() < 0.3)
        for _ in range(rng.choice((0, 0, 1, 2))):
            submit_mail(actor, daytime(actor), account)
    actor.first_mail = None


def _behind_nat(actor: Actor, people: int) -> None:
    """People with accounts all day, and one machine that sends spam among them."""
    rng = actor.rng
    play_people(actor, people)
    campaign, per_minute = _campaign(actor), rng.uniform(1, 10)
    for at in paced(actor, some_start(actor), rng.randint(80, 200), per_minute):
        send_to_mx(actor, at, campaign, actor.stage.world.recipients_domain(rng, 0.25))
    tell(actor, f"one bot among {people} people", per_minute)


def _send_and_move(
    actor: Actor, begin: float, campaign: Campaign, count: int, per_minute: float
) -> float:
    """Send some mails, then take another address of the same IP version; return the end time."""
    last = begin
    for last in paced(actor, begin, count, per_minute):
        domain = actor.stage.world.recipients_domain(actor.rng, 0.25)
        send_to_mx(actor, last, campaign, domain)
    address = actor.stage.homes.draw(actor.rng, actor.version, infected=True)
    if address:
        actor.host.move(address)
    return last


def _campaign(actor: Actor) -> Campaign:
    rng = actor.rng
    text = rng.choice((own_text, same_text(rng, sentences(rng, 1).rstrip("."))))
    return draw_campaign(actor, text)


@contextmanager
def _speaking(actor: Actor, other: Host) -> Iterator[None]:
    """While active, the machine uses the address of `other` and its resolver."""
    own, resolver = actor.host, actor.resolver
    actor.host = other
    actor.resolver = actor.stage.resolver(actor.version, actor.rng)
    try:
        yield
    finally:
        actor.host, actor.resolver = own, resolver


def _second_address(actor: Actor) -> Host:
    """The same machine with an IPv4 address, if one is left."""
    address = actor.stage.homes.draw(actor.rng, 4, infected=True)
    if address is None:
        return actor.host
    other = Host(address, actor.rng, actor.host.name)
    other.mac = actor.host.mac
    other.end = replace(other.end, mac=other.mac)
    actor.host.addresses.insert(0, address)
    return other


def _keep(actor: Actor, seen: Callable[[Packet], bool]) -> None:
    """Remove from the capture what the sensor did not see."""
    actor.tape.packets[:] = [packet for packet in actor.tape.packets if seen(packet)]


KINDS = (
    infected(behind_nat_20),
    infected(behind_nat_120),
    infected(behind_nat_400),
    infected(rotating_ipv6, version=6),
    infected(dhcp_churn, version=4),
    infected(ipv6_mail_ipv4_lookups, version=6),
    infected(over_https_lookups),
    infected(seen_from_the_middle),
    infected(lossy_sensor),
    infected(one_direction),
    infected(in_a_vlan),
    infected(spammer_with_own_mail),
)

"""HostEvidence -> recipients: those at mail exchangers, and those refused. Pure.

A large provider is one peer with few servers; its mailboxes show the number of recipients.
"""

from collections import Counter
from collections.abc import Callable
from math import sqrt

from eveproc.evidence.sketch import ActivitySketch, Bucket
from eveproc.evidence.store import HostEvidence
from eveproc.input.addresses import is_address
from eveproc.signals.domains import registered_domain
from eveproc.signals.facts import Fact
from eveproc.verdicts.acts import DOMAINS_A_SERVER
from rulegen.vocabulary import Signal

# Amazon SES reviews senders from 5 % of bounces on and stops them at 10 % (its documentation,
# "Monitoring your sender reputation").
CARED_FOR, BOUNCES = 0.05, 0.1
# Minimum number of refusals for a share.
SOME_REFUSED = 5
# Programs mailed to this many domains are not a service to a single customer.
PROGRAMS = 5
# Senders of one text: several people at one machine have fewer (signals/content.py, sender_churn).
SENDERS_OF_A_TEXT = 8
_BOTH = (Signal.RCPT_REFUSED, Fact.RCPT_TAKEN)


def mailboxes_written_to(evidence: HostEvidence) -> ActivitySketch:
    """Mailboxes at mail exchangers, without those that a relay passes mail on to.

    A server whose name is not that of an exchanger belongs to its organisation (server_names.py):
    it is an exchanger if it accepts mail only for that organisation's domain. A server that accepts
    mail for many domains is a relay.
    """
    sketch = evidence.log(Signal.RECIPIENT_SPREAD)
    domains: dict[str, set[str]] = {}
    for _, key in sketch.newcomers():
        server, _, mailbox = key.partition(" ")
        domains.setdefault(server, set()).add(mailbox.rpartition("@")[2])
    exchangers = {
        server
        for server, of in domains.items()
        if (is_address(server) and len(of) <= DOMAINS_A_SERVER)
        or {registered_domain(domain) for domain in of} == {server}
    }
    kept = sketch.only(lambda key: key.partition(" ")[0] in exchangers)
    return kept.relabelled(lambda key: key.partition(" ")[2])


def domains_written_to(evidence: HostEvidence) -> ActivitySketch:
    """Recipients' domains of mails sent directly, without those that only a relay was given.

    Some providers also accept mail from their customers on port 25; their server's name shows it.
    Mails from many senders to a relay are not those of a customer.
    """
    if has_many_senders(evidence):
        return evidence.log(Signal.MAIL_BURST)
    at_relays: set[str] = set()
    elsewhere: set[str] = set()
    for _, key in evidence.log(Signal.RECIPIENT_SPREAD).newcomers():
        server, _, mailbox = key.partition(" ")
        domain = registered_domain(mailbox.rpartition("@")[2])
        (elsewhere if is_address(server) or server == domain else at_relays).add(domain)
    relayed = at_relays - elsewhere
    sketch = evidence.log(Signal.MAIL_BURST)
    return sketch.only(lambda key: key not in relayed) if relayed else sketch


def refused_recipients(evidence: HostEvidence) -> ActivitySketch:
    """Recipients whose mail was refused and not taken later, as after greylisting.

    If no mail was accepted, messages may not be logged at all, so nothing counts.
    """
    taken = evidence.log(Fact.RCPT_TAKEN).keys()
    sketch = evidence.log(Signal.RCPT_REFUSED)
    return sketch.only(lambda key: key not in taken) if taken else ActivitySketch()


def _refused_and_taken(evidence: HostEvidence) -> tuple[int, int]:
    """Recipients refused and taken, in the part of each hour in which all of both are known.

    Of each hour, the earliest recipients of each kind are kept (sketch.py). A mailing to thousands
    has hundreds of refused recipients, which are all kept, and more accepted ones than are kept.
    """
    refused, taken = refused_recipients(evidence), evidence.log(Fact.RCPT_TAKEN)
    lost, accepted = set[str](), set[str]()
    for hour in refused.hours.keys() | taken.hours.keys():
        parts = [sketch.hours.get(hour, Bucket()) for sketch in (refused, taken)]
        end = min(evidence.log(kind).complete_until(hour) for kind in _BOTH)
        for part, found in zip(parts, (lost, accepted), strict=True):
            found.update(key for key, time in part.keys.items() if time <= end)
    return len(lost), len(accepted)


def refused_at_most(evidence: HostEvidence) -> int:
    """How many refused recipients may count: those beyond the bounces of a maintained list."""
    refused, taken = _refused_and_taken(evidence)
    return max(0, round(refused - CARED_FOR * (refused + taken)))


def are_refused_often(evidence: HostEvidence) -> bool:
    """True if so many recipients are refused that a provider would stop the sender."""
    refused, taken = _refused_and_taken(evidence)
    return refused >= max(SOME_REFUSED, BOUNCES * (refused + taken))


def are_taken_as_a_rule(evidence: HostEvidence) -> bool:
    """True if mails were accepted, and no provider would review the sender for refused ones.

    Of the 30 to 60 mails that are readable in a day, chance alone refuses up to twice the share.
    """
    refused, taken = _refused_and_taken(evidence)
    return bool(taken) and not are_more_than(CARED_FOR, refused, refused + taken, deviations=3)


def are_more_than(share: float, lost: int, of: int, deviations: int) -> bool:
    """True if more are lost than this share, by so many standard deviations of a Poisson count."""
    expected = share * of
    return lost > expected + deviations * sqrt(expected)


def is_one_text_refused(evidence: HostEvidence) -> bool:
    """True if in the hour in which one text went to most domains, recipients are refused often.

    That is a campaign. Bounces and checks of addresses are refused as well, but have no one text.
    """
    texts = evidence.log(Signal.LOOK_ALIKE).hours
    if not texts:
        return False
    hour = max(texts, key=lambda hour: (_copies(texts[hour]), -hour))
    end = min(evidence.log(kind).complete_until(hour) for kind in _BOTH)
    refused, taken = (
        {k for k, t in evidence.log(kind).hours.get(hour, Bucket()).keys.items() if t <= end}
        for kind in _BOTH
    )
    lost = len(refused - taken)
    return bool(taken) and lost >= max(SOME_REFUSED, BOUNCES * (lost + len(taken)))


def _copies(texts: Bucket) -> int:
    return max(Counter(key.rpartition(" ")[0] for key in texts.keys).values())


def has_many_senders(evidence: HostEvidence) -> bool:
    """True if one text has many senders that have nothing in common.

    The senders of a mailing begin alike, whatever is added to catch bounces (VERP: Bernstein 1997),
    to know own mails again (BATV) or to forward (SRS).
    """
    senders: dict[str, set[str]] = {}
    for _, key in evidence.log(Fact.TEXT_SENDERS).newcomers():
        text, _, sender = key.rpartition(" ")
        senders.setdefault(text, set()).add(sender)
    most = max(senders.values(), key=len, default=set())
    return len(most) >= SENDERS_OF_A_TEXT and len({sender[0] for sender in most}) > 1


def sends_as_its_greeting_says(evidence: HostEvidence, may_be_own: Callable[[str], bool]) -> bool:
    """True if it has one HELO name, whose domain is that of every sender, or the sender is empty.

    Spam from the spammer's own domain looks the same (snowshoe), so the domain must be the site's
    if the site's domains are known.
    """
    helos = evidence.log(Signal.HELO_ODD).keys()
    if len(helos) != 1:
        return False
    (helo,) = helos
    domain = registered_domain(helo) if "." in helo else ""
    own = set(map(registered_domain, evidence.log(Fact.SENDS_AS_US).keys()))
    senders = evidence.log(Signal.SENDER_CHURN).keys() | own
    is_said = senders == {domain} or (not senders and evidence.log(Signal.MAIL_BURST).hours)
    return bool(domain and is_said) and may_be_own(domain)


def speak_for_themselves(evidence: HostEvidence) -> bool:
    """True if mails are suspicious by content or refusals, even through one server."""
    programs = evidence.log(Signal.WORM_ATTACHMENT).distinct()
    return programs >= PROGRAMS or are_refused_often(evidence) or has_many_senders(evidence)

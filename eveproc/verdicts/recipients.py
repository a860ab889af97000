"""HostEvidence -> recipients: those at mail exchangers, and those refused. Pure.

A large provider is one peer with few servers; its mailboxes tell how many people are written to.
"""

from eveproc.evidence.sketch import ActivitySketch
from eveproc.evidence.store import HostEvidence
from eveproc.input.addresses import is_address
from eveproc.signals.domains import registered_domain
from eveproc.signals.facts import Fact
from eveproc.verdicts.acts import DOMAINS_A_SERVER
from rulegen.vocabulary import Signal

# Amazon SES reviews senders from 5 % of bounces on and stops them at 10 % (its documentation,
# "Monitoring your sender reputation").
CARED_FOR, BOUNCES = 0.05, 0.1
# Fewer refusals than this are no share of anything.
SOME_REFUSED = 5
# Programs mailed to so many domains are no favour to a customer.
PROGRAMS = 5


def mailboxes_written_to(evidence: HostEvidence) -> ActivitySketch:
    """Mailboxes at mail exchangers, without those that a relay passes mail on to.

    A server with a name that says no mail exchanger is its organisation's (server_names.py), and
    one that takes mail for many domains passes it on.
    """
    sketch = evidence.log(Signal.RECIPIENT_SPREAD)
    domains: dict[str, set[str]] = {}
    for _, key in sketch.newcomers():
        server, _, mailbox = key.partition(" ")
        domains.setdefault(server, set()).add(mailbox.rpartition("@")[2])
    exchangers = {
        server
        for server, of in domains.items()
        if is_address(server) and len(of) <= DOMAINS_A_SERVER
    }
    kept = sketch.only(lambda key: key.partition(" ")[0] in exchangers)
    return kept.relabelled(lambda key: key.partition(" ")[2])


def domains_written_to(evidence: HostEvidence) -> ActivitySketch:
    """Recipients' domains of mails sent directly, without those that only a relay was given.

    Some providers take mail from their customers on port 25, too; their server's name says so.
    """
    at_relays: set[str] = set()
    elsewhere: set[str] = set()
    for _, key in evidence.log(Signal.RECIPIENT_SPREAD).newcomers():
        server, _, mailbox = key.partition(" ")
        domain = registered_domain(mailbox.rpartition("@")[2])
        (elsewhere if is_address(server) else at_relays).add(domain)
    relayed = at_relays - elsewhere
    sketch = evidence.log(Signal.MAIL_BURST)
    return sketch.only(lambda key: key not in relayed) if relayed else sketch


def refused_recipients(evidence: HostEvidence) -> ActivitySketch:
    """Recipients whose mail was refused and not taken later, as after greylisting.

    Without any mail that was taken, messages may not be logged at all, so nothing counts.
    """
    taken = evidence.log(Fact.RCPT_TAKEN).keys()
    sketch = evidence.log(Signal.RCPT_REFUSED)
    return sketch.only(lambda key: key not in taken) if taken else ActivitySketch()


def refused_at_most(evidence: HostEvidence) -> int:
    """How many refused recipients may count: those above what a cared for list has."""
    refused = refused_recipients(evidence).distinct()
    taken = evidence.log(Fact.RCPT_TAKEN).distinct()
    return max(0, round(refused - CARED_FOR * (refused + taken)))


def are_refused_often(evidence: HostEvidence) -> bool:
    """True if so many recipients are refused that a provider would stop the sender."""
    refused = refused_recipients(evidence).distinct()
    taken = evidence.log(Fact.RCPT_TAKEN).distinct()
    return refused >= max(SOME_REFUSED, BOUNCES * (refused + taken))


def are_taken_as_a_rule(evidence: HostEvidence) -> bool:
    """True if mails were seen taken, and no more refused than of a cared for list."""
    taken = evidence.log(Fact.RCPT_TAKEN).distinct()
    refused = refused_recipients(evidence).distinct()
    return bool(taken) and refused <= CARED_FOR * (refused + taken)


def speak_for_themselves(evidence: HostEvidence) -> bool:
    """True if mails are spam by what is in them or becomes of them, even through one server."""
    programs = evidence.log(Signal.WORM_ATTACHMENT).distinct()
    return programs >= PROGRAMS or are_refused_often(evidence)

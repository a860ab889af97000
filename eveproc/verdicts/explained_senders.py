"""HostEvidence -> the explanation of programs of the site that deliver mail themselves. Pure."""

from collections import Counter

from eveproc.evidence.sketch import widest
from eveproc.evidence.store import HostEvidence
from eveproc.signals.domains import registered_domain
from eveproc.signals.facts import Fact
from eveproc.verdicts.acts import servers_on_port_25
from eveproc.verdicts.caps import Caps
from eveproc.verdicts.explanation import BY_RATE, HARDLY, PERHAPS, BenignExplanation
from eveproc.verdicts.long_window import servers_of_the_week
from eveproc.verdicts.recipients import (
    BOUNCES,
    are_more_than,
    are_taken_as_a_rule,
    sends_as_its_greeting_says,
)
from eveproc.verdicts.scoring import HostContext
from rulegen.units import HOUR
from rulegen.vocabulary import Signal

# Not reached by a program that sends in its owner's name: new servers within an hour, recipient
# domains of one text.
OWN_PACE, OWN_COPIES = 7, 3
# So many mails of a business program have to be readable.
SHOWN = 5


def own_sender(evidence: HostEvidence, context: HostContext) -> BenignExplanation | None:
    """A program of the site that delivers directly: one HELO name, no programs attached."""
    helos = evidence.log(Signal.HELO_ODD).distinct()
    if helos > 1 or evidence.log(Signal.WORM_ATTACHMENT).hours:
        return None
    at_most = PERHAPS
    if _is_aligned(evidence, context) and are_taken_as_a_rule(evidence):
        what, explained = "the domain of its HELO name, and nearly all of it is accepted", BY_RATE
        if _returns(evidence):
            what, at_most = f"{what}, again and again to the same servers", HARDLY
    elif _is_slow_in_our_name(evidence):
        what, explained = "the site's own domains at a low rate", BY_RATE - {Signal.LOOK_ALIKE}
    else:
        return None
    return BenignExplanation(
        f"sends only from {what}, as a program that delivers directly does",
        "route it through the relay or declare it in mail_servers; otherwise investigate it",
        explained,
        at_most,
    )


def few_a_night(
    evidence: HostEvidence, caps: Caps, context: HostContext
) -> BenignExplanation | None:
    """A program that delivers a few mails a night: one full HELO name, which may be the site's.

    Of encrypted mails nothing else can be read.
    """
    if not servers_of_the_week(evidence, context.nights, caps.direct):
        return None
    helos = evidence.log(Signal.HELO_ODD).keys()
    if len(helos) != 1 or not all(
        "." in h and context.may_be_own(registered_domain(h)) for h in helos
    ):
        return None
    return BenignExplanation(
        "greets every server under one full name, as a program that delivers a few mails does",
        "if it is one, declare it in mail_servers; if not, find the program",
        frozenset((Signal.SMTP_VERY_SLOW,)),
        PERHAPS,
    )


def _is_slow_in_our_name(evidence: HostEvidence) -> bool:
    """Own senders, few new servers an hour, different texts."""
    mails, own = evidence.log(Signal.MAIL_BURST), evidence.log(Fact.SENDS_AS_US)
    hurried = (
        max(widest(evidence.log(Signal.SMTP_SESSIONS).newcomers(), HOUR), default=0) >= OWN_PACE
    )
    copies = Counter(
        key.rpartition(" ")[0] for _, key in evidence.log(Signal.LOOK_ALIKE).newcomers()
    )
    is_own = own.hours and own.count() >= mails.count()
    return bool(is_own and not hurried and max(copies.values(), default=0) < OWN_COPIES)


def _is_aligned(evidence: HostEvidence, context: HostContext) -> bool:
    """One sender domain, that of the HELO name, in all mails that are seen; servers take them.

    Of encrypted mails only the size is seen, and without flow records nothing.
    """
    tried = servers_on_port_25(evidence)
    if not context.connections_logged:
        tried -= evidence.log(Fact.ENCRYPTS).keys()
    taken = tried & evidence.log(Fact.HANDED_OVER).keys()
    names_sender = evidence.log(Signal.SENDER_CHURN).hours or evidence.log(Fact.SENDS_AS_US).hours
    return (
        bool(names_sender)
        and evidence.log(Signal.MAIL_BURST).count() >= SHOWN
        and not are_more_than(BOUNCES, len(tried) - len(taken), len(tried), deviations=2)
        and sends_as_its_greeting_says(evidence, context.may_be_own)
    )


def _returns(evidence: HostEvidence) -> bool:
    """It has partners, where a mass mailer meets new servers.

    Most servers were met in several hours, or as many sessions as it has servers came after the
    last new one.
    """
    sessions = evidence.log(Signal.SMTP_SESSIONS)
    hours = Counter(server for bucket in sessions.hours.values() for server in bucket.keys)
    last_new = max((time for time, _ in sessions.newcomers()), default=0.0)
    times = (time for bucket in sessions.hours.values() for time in bucket.events.values())
    later = sum(time > last_new for time in times)
    return 2 * sum(met > 1 for met in hours.values()) > len(hours) or later >= len(hours) > 0

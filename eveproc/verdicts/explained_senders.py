"""HostEvidence -> the explanation of programs of the site that deliver mail themselves. Pure."""

from collections import Counter
from functools import partial

from eveproc.evidence.sketch import widest
from eveproc.evidence.store import HostEvidence
from eveproc.signals.domains import NO_PUBLIC_SUFFIX, registered_domain
from eveproc.signals.facts import Fact
from eveproc.verdicts.acts import event_times, servers_on_port_25
from eveproc.verdicts.caps import Caps
from eveproc.verdicts.explained_surveys import AGAIN, SEVERAL_NAMES
from eveproc.verdicts.explanation import (
    BY_RATE,
    HARDLY,
    PERHAPS,
    SUBMITTED,
    BenignExplanation,
)
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
# Two numbers estimated from samples, with a standard error of 6 % each (sketch.py), may be equal if
# the smaller is at least this share of the other: three standard deviations.
SAMPLED = 0.75
# Minimum number of readable mails of a business program.
SHOWN = 5
# Such a program delivers to mail exchangers and has no accounts at submission servers of others.
DELIVERED = BY_RATE - SUBMITTED


def own_sender(evidence: HostEvidence, context: HostContext) -> BenignExplanation | None:
    """A program of the site that delivers directly, no programs attached.

    It has one HELO name. Several behind one address have one each: of the site's own domain, or
    short ones, as containers have, if they send in the site's name and are accepted.
    """
    if evidence.log(Signal.WORM_ATTACHMENT).hours:
        return None
    at_most, explained = PERHAPS, DELIVERED
    is_accepted, is_ours = _is_accepted(evidence, context), _greets_as_ours(evidence, context)
    is_slow = (is_ours or evidence.log(Signal.HELO_ODD).distinct() <= 1) and _is_slow(evidence)
    if is_accepted and sends_as_its_greeting_says(evidence, partial(_may_be_ours, context)):
        what = "only from the domain of its HELO name, with nearly all mails accepted"
        if _returns(evidence):
            what, at_most = f"{what}, repeatedly to the same servers", HARDLY
    elif is_accepted and is_ours and not _forges_senders(evidence):
        what = "from a few domains under a full name of the site, with nearly all mails accepted"
    elif is_accepted and is_ours and _returns(evidence):
        what = "under a full name of the site, repeatedly to the same servers"
        explained = DELIVERED - {Signal.LOOK_ALIKE, Signal.RECIPIENT_SPREAD}
    elif _is_in_our_name(evidence, context) and (is_accepted or is_slow):
        how = ", with nearly all mails accepted" if is_accepted else " at a low rate"
        what, explained = f"only from the site's own domains{how}", DELIVERED - {Signal.LOOK_ALIKE}
    else:
        return None
    return BenignExplanation(
        f"sends mail {what}, as a program that delivers directly does",
        "route it through the relay or declare it in mail_servers; otherwise investigate it",
        explained,
        at_most,
    )


def hidden_sender(evidence: HostEvidence, context: HostContext) -> BenignExplanation | None:
    """A program of the site with mails hidden by TLS: one full HELO name of the site's own domain.

    Mass mailers use made-up HELO names, the machine's short name or its address, and some
    servers refuse them. A mass mailer that uses the site's name is still suspected.
    """
    helos = evidence.log(Signal.HELO_ODD).keys()
    domains = {registered_domain(helo) for helo in helos if "." in helo}
    is_hidden = evidence.log(Signal.MAIL_BURST).count() < SHOWN and context.connections_logged
    if not is_hidden or len(helos) != 1 or not any(map(context.is_own, domains)):
        return None
    if not _senders(evidence) <= domains or evidence.log(Signal.WORM_ATTACHMENT).hours:
        return None
    if not _is_taken_by_servers(evidence, context):
        return None
    return BenignExplanation(
        "uses one full HELO name of the site's own domain, and nearly all servers accept what it "
        "sends, as a program that delivers directly does",
        "route it through the relay or declare it in mail_servers; otherwise investigate it",
        DELIVERED,
        PERHAPS,
    )


def few_a_night(
    evidence: HostEvidence, caps: Caps, context: HostContext
) -> BenignExplanation | None:
    """A program that delivers a few mails a night: one full HELO name, which may be the site's.

    Encrypted mails show nothing else.
    """
    if not servers_of_the_week(evidence, context.nights, caps.direct):
        return None
    helos = evidence.log(Signal.HELO_ODD).keys()
    if len(helos) != 1 or not all(
        "." in h and context.may_be_own(registered_domain(h)) for h in helos
    ):
        return None
    return BenignExplanation(
        "uses one full HELO name, as a program that delivers a few mails does",
        "if it runs such a program, declare it in mail_servers; if not, find what sends",
        frozenset((Signal.SMTP_VERY_SLOW,)),
        PERHAPS,
    )


def _senders(evidence: HostEvidence) -> set[str]:
    """Registered domains of its senders."""
    own = map(registered_domain, evidence.log(Fact.SENDS_AS_US).keys())
    return evidence.log(Signal.SENDER_CHURN).keys().union(own)


def _may_be_ours(context: HostContext, domain: str) -> bool:
    """A name without a public suffix, as `pbx.localdomain`, belongs to no other organisation."""
    return domain == NO_PUBLIC_SUFFIX or context.may_be_own(domain)


def _greets_as_ours(evidence: HostEvidence, context: HostContext) -> bool:
    """Every HELO name is a full one, of a domain that is known to be the site's.

    Where none is known, it may be the one domain that the host both greets and sends under.
    """
    helos = evidence.log(Signal.HELO_ODD).keys()
    domains = {registered_domain(helo) for helo in helos}
    is_alike = len(domains) == 1 and domains <= _senders(evidence)
    is_one = context.may_be_own if is_alike else context.is_own
    return bool(helos) and all("." in helo for helo in helos) and all(map(is_one, domains))


def _forges_senders(evidence: HostEvidence) -> bool:
    """True if mails are from ever new domains, as those of a mass mailer.

    An agency mails for a few customers. A site's mail server forwards some mails under the senders
    that they had, and most are from its users.
    """
    names, mails = evidence.log(Signal.SENDER_CHURN), evidence.log(Signal.MAIL_BURST).count()
    is_kept = names.has_all_keys() and mails >= AGAIN * names.distinct()
    return names.distinct() > SEVERAL_NAMES and not is_kept


def _is_in_our_name(evidence: HostEvidence, context: HostContext) -> bool:
    """Own senders, different texts.

    If the site declares no domain, its own are those for which external hosts bring mail.
    """
    mails, own = evidence.log(Signal.MAIL_BURST), evidence.log(Fact.SENDS_AS_US).count()
    is_sample = any(bucket.is_sample for bucket in mails.hours.values())
    others = evidence.log(Signal.SENDER_CHURN)
    if all(map(context.is_own, others.keys())):
        own += others.count()
    copies = Counter(
        key.rpartition(" ")[0] for _, key in evidence.log(Signal.LOOK_ALIKE).newcomers()
    )
    least = mails.count() * (SAMPLED if is_sample else 1)
    return bool(own and own >= least and max(copies.values(), default=0) < OWN_COPIES)


def _is_slow(evidence: HostEvidence) -> bool:
    """Few new servers an hour."""
    met = widest(evidence.log(Signal.SMTP_SESSIONS).newcomers(), HOUR)
    return max(met, default=0) < OWN_PACE


def _is_accepted(evidence: HostEvidence, context: HostContext) -> bool:
    """True if mails are seen, and recipients and servers accept them."""
    return (
        bool(_senders(evidence))
        and evidence.log(Signal.MAIL_BURST).count() >= SHOWN
        and are_taken_as_a_rule(evidence)
        and _is_taken_by_servers(evidence, context)
    )


def _is_taken_by_servers(evidence: HostEvidence, context: HostContext) -> bool:
    """True if the number of servers that accept nothing may be due to chance.

    Encrypted mails show only their size, and without flow records nothing.
    """
    tried = servers_on_port_25(evidence)
    if not context.connections_logged:
        tried -= evidence.log(Fact.ENCRYPTS).keys()
    taken = tried & evidence.log(Fact.HANDED_OVER).keys()
    return not are_more_than(BOUNCES, len(tried) - len(taken), len(tried), deviations=2)


def _returns(evidence: HostEvidence) -> bool:
    """True if it returns to its servers; a mass mailer contacts new ones.

    Most servers were contacted in several hours, or at least as many sessions as it has servers
    came after the last new server. For sessions that stay open, mails in later hours count.
    """
    sessions, mails = evidence.log(Signal.SMTP_SESSIONS), evidence.log(Signal.MAIL_BURST)
    hours = Counter(server for bucket in sessions.hours.values() for server in bucket.keys)
    last_new = max((time for time, _ in sessions.newcomers()), default=0.0)
    again = sum(time > last_new for time in event_times(sessions))
    kept_on = sum(bucket.total() for hour, bucket in mails.hours.items() if hour * HOUR > last_new)
    is_met_again = 2 * sum(met > 1 for met in hours.values()) > len(hours)
    return is_met_again or max(again, kept_on) >= len(hours) > 0

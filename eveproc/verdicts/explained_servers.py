"""HostEvidence -> explanations of hosts that serve others, or scan them. Pure."""

from eveproc.evidence.store import HostEvidence
from eveproc.signals.facts import Fact
from eveproc.verdicts.explained_surveys import hands_nothing_over
from eveproc.verdicts.explanation import BY_RATE, HARDLY, LOOKUPS, PERHAPS, BenignExplanation
from eveproc.verdicts.incoming import clients_with_mail, mails_taken_in
from eveproc.verdicts.recipients import is_one_text_refused
from eveproc.verdicts.scoring import HostContext
from rulegen.vocabulary import Signal

# Enough distinct clients to call a host a server, not a peer that was met once.
SENDERS = 3
CLIENTS = 3
# A mail server receives mail in proportion to what it sends.
SHARE_IN = 0.05
# Domains for which mail is accepted and forwarded, in all and for each host that brings mail. A
# secondary mail server serves a few domains of others.
PASSED_ON, PASSED_EACH = 15, 2
# Out of about ten (evidence.Fact.ASKS_PTR).
PTR_NAMES = 1
# A mail filter asks blocklists about every client; bots and monitors ask about their own few
# addresses. For each client, a filter may look up the domains of some senders.
FILTERED, SENDERS_EACH = 10, 5
# A mass mailer does not connect to internal hosts' mail ports, nor to other ports of a mail server.
SCANNED_HOSTS = 5
# Maximum number of blocklists named.
NAMED = 3


def declared_server(evidence: HostEvidence, *, is_declared: bool) -> BenignExplanation | None:
    """A declared mail server sends for many users: one account makes it suspected at most."""
    if not is_declared or not is_one_text_refused(evidence):
        return None
    return BenignExplanation(
        "is a declared mail server: one of its users, or the thief of an account, may send this",
        "find the account that sent this text in the server's own log, and change its password",
        frozenset((Signal.LOOK_ALIKE, Signal.RCPT_REFUSED)),
        PERHAPS,
    )


def mail_server(evidence: HostEvidence) -> BenignExplanation | None:
    """A host that accepts mail for others."""
    senders = len(clients_with_mail(evidence))
    names = evidence.log(Fact.ASKS_PTR).distinct()
    if _relays_for_anybody(evidence):
        return None
    if senders < SENDERS and not (senders and names >= PTR_NAMES):
        return None
    sent = max(evidence.log(s).count() for s in (Signal.SMTP_ATTEMPTS, Signal.SMTP_SESSIONS))
    if mails_taken_in(evidence) < SHARE_IN * sent:
        return None
    asks = " and looks up the names of addresses" if names >= PTR_NAMES else ""
    return BenignExplanation(
        f"receives mail from {senders} hosts{asks}, as a mail server does",
        "declare it in mail_servers, or investigate it",
        BY_RATE,
        PERHAPS,
    )


def _relays_for_anybody(evidence: HostEvidence) -> bool:
    """An open relay forwards what few hosts bring for many domains (RFC 2505).

    A mail server accepts mail for its own domains. A backup server forwards what many servers
    bring, for the few domains that it serves.
    """
    out = evidence.log(Signal.MAIL_BURST).keys()
    passed = len(out & evidence.log(Fact.TAKES_IN_FOR).keys())
    few = PASSED_EACH * len(clients_with_mail(evidence))
    return passed >= max(PASSED_ON, few) and 2 * passed >= len(out)


def resolver(evidence: HostEvidence) -> BenignExplanation | None:
    """A host that answers lookups of others."""
    clients = evidence.log(Fact.SERVES_DNS).distinct()
    if clients < CLIENTS:
        return None
    return BenignExplanation(
        f"answers DNS for {clients} hosts, as a resolver does",
        "declare it in resolvers, or investigate it",
        LOOKUPS,
        HARDLY,
    )


def mail_filter(evidence: HostEvidence) -> BenignExplanation | None:
    """A host that asks DNS blocklists about the clients of a mail server (RFC 5782).

    Only its lookups are explained: a sender of spam may ask as well.
    """
    asked = evidence.log(Fact.ASKS_BLOCKLIST).distinct()
    looked_up = max(evidence.log(s).distinct() for s in (Signal.MX_FLOOD, Signal.NAME_GUESS))
    if asked < FILTERED or looked_up > SENDERS_EACH * asked:
        return None
    lists = sorted(evidence.log(Fact.BLOCKLISTS).keys())
    more = f" and {len(lists) - NAMED} more" if len(lists) > NAMED else ""
    return BenignExplanation(
        f"asks DNS blocklists ({', '.join(lists[:NAMED])}{more}) about {asked} addresses, as "
        "a mail filter does (this explains its lookups, but not its deliveries or their content)",
        "if it is a mail filter, declare it in mail_servers; if not, find the program that asks",
        LOOKUPS,
        HARDLY,
    )


def scanner(evidence: HostEvidence, context: HostContext) -> BenignExplanation | None:
    """A host that tries ports of many hosts, internal or external.

    It may greet a server to learn its version, or ask it to relay, but hands no mail over.
    """
    internal = evidence.log(Fact.INSIDE_TARGETS).distinct()
    peers = evidence.log(Signal.SMTP_ATTEMPTS).keys()
    probed = peers & evidence.log(Fact.PROBED).keys()
    talks = not hands_nothing_over(evidence, context) and (
        evidence.log(Signal.SMTP_SESSIONS).distinct() >= SCANNED_HOSTS
        or evidence.log(Signal.MAIL_BURST).hours
    )
    next_step = "if it is your scanner, add it to exempt; if not, investigate it as a scanner"
    if len(probed) >= SCANNED_HOSTS and 2 * len(probed) >= len(peers) and not talks:
        text = (
            f"also tries other ports of {len(probed)} of the {len(peers)} mail servers, as "
            "a scanner does"
        )
        return BenignExplanation(text, next_step, BY_RATE, HARDLY)
    if internal >= SCANNED_HOSTS:
        text = (
            f"connects to the mail ports of {internal} internal hosts, as a scanner does (a mass "
            "mailer connects to external ones)"
        )
        return BenignExplanation(text, next_step, frozenset(), HARDLY)
    return None

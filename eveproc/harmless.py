"""HostEvidence -> what harmless thing the host may be, which signals that explains, and what to do about it. Pure."""

from dataclasses import dataclass
from math import inf

from eveproc.evidence import Fact, HostEvidence
from rulegen.vocabulary import Family, Signal

# Enough different clients that a host is a server to them, not a peer that was met once.
SENDERS = 2
CLIENTS = 3
PTR_NAMES = 3
# A mass mailer has no business with inside hosts' mail ports, nor with other ports of a stranger's mail server.
SCANNED_HOSTS = 5
# A monitor comes back to the same few servers; each at least so often, and the last new one early in its time.
VISITS_EACH = 10
MONITORED_AT_MOST = 40
SETTLED = 0.25
# It knows its servers by name and does not ask where to deliver.
MX_DOMAINS = 5

# Several domains have their mail taken in by one server.
DOMAINS_A_SERVER = 3
# What an explanation leaves: a mail server may still be a spammer's; the others look like no mailer at all.
PERHAPS, HARDLY = 0.85, 0.40
# More lookups than this for each server connected to are not for delivery.
LOOKUPS_EACH = 5
# Different mail providers of all the people behind one address.
MAILBOXES_AT_MOST = 20
# Accounts of one person.
OWN_PROVIDERS = 3

BY_RATE = frozenset(s for s in Signal if s.family in (Family.LOOKUP, Family.DELIVERY)) | {Signal.LOOK_ALIKE}
LOOKUPS = frozenset(s for s in Signal if s.family is Family.LOOKUP)


@dataclass(frozen=True, slots=True)
class Explanation:
    """`text` completes "this host ..."; `signals` are the ones it explains, and can then raise the score to `at_most`."""

    text: str
    next_step: str
    signals: frozenset[Signal]
    at_most: float


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many strangers at most may count as evidence once the host's other doings are known.

    `servers`: outside servers connected to on mail ports that are not its users' own providers; `submission`: those of them on
    submission ports; `lookups`: domains asked for that a delivery may have followed (inf: connections were not logged);
    `recipients`: domains written to that so few servers may have taken in (one server for many is somebody's relay).
    """

    servers: int
    submission: int
    lookups: float
    recipients: int


def allow(evidence: HostEvidence, connections_logged: bool) -> Allowance:
    """Discount what is ordinary: own providers, own relays, and lookups that no delivery followed."""
    direct = _keys(evidence, Signal.SMTP_ATTEMPTS) | _keys(evidence, Signal.SMTP_SESSIONS)
    tries = evidence.log(Signal.SUBMISSION_ATTEMPTS)
    submission = _strange_submission(evidence)
    strange_tries = tries.count() * submission // max(1, tries.distinct())
    connections = max(evidence.log(s).count() for s in (Signal.SMTP_ATTEMPTS, Signal.SMTP_SESSIONS)) + strange_tries
    servers = len(direct) + submission
    for_delivery = min(connections, DOMAINS_A_SERVER * servers)
    return Allowance(
        servers=servers,
        submission=submission,
        lookups=for_delivery if connections_logged else inf,
        recipients=DOMAINS_A_SERVER * (len(direct) + tries.distinct()),
    )


def _strange_submission(evidence: HostEvidence) -> int:
    """Submission servers beyond the providers whose mailboxes are read too, and beyond one provider's many addresses."""
    servers = evidence.log(Signal.SUBMISSION_ATTEMPTS).distinct()
    # Only so far: Emotet tries the mailboxes of the strangers it sends through, 193 of them in six minutes.
    strange = max(0, servers - min(evidence.log(Fact.READS_MAILBOX).distinct(), MAILBOXES_AT_MOST))
    names = evidence.log(Signal.NAME_GUESS)
    if names.hours and names.distinct() <= OWN_PROVIDERS and 2 * names.count() >= servers:
        return min(strange, names.distinct())
    return strange


def _keys(evidence: HostEvidence, signal: Signal) -> set[str]:
    return {key for _, key in evidence.log(signal).newcomers()}


def explain_away(evidence: HostEvidence, allowance: Allowance) -> tuple[Explanation, ...]:
    """Every harmless explanation that the evidence supports."""
    by_role = (_mail_server(evidence), _resolver(evidence), _scanner(evidence), _monitor(evidence))
    found = tuple(e for e in by_role if e)
    checker = None if any(e.signals >= LOOKUPS for e in found) else _address_checker(evidence, allowance)
    return found + tuple(e for e in (checker, _mail_users(evidence, allowance)) if e)


def _address_checker(evidence: HostEvidence, allowance: Allowance) -> Explanation | None:
    asked = max(evidence.log(signal).distinct() for signal in (Signal.MX_FLOOD, Signal.NAME_GUESS))
    if asked < MX_DOMAINS or asked <= LOOKUPS_EACH * allowance.servers or allowance.lookups == inf:
        return None
    return Explanation(
        f"looked up mail servers of {asked} domains and connected to {allowance.servers} of them, as an address checker does",
        "if it checks addresses, add it to exempt; if not, look at what asks",
        frozenset(),
        HARDLY,
    )


def _mail_users(evidence: HostEvidence, allowance: Allowance) -> Explanation | None:
    servers = evidence.log(Signal.SUBMISSION_ATTEMPTS).distinct()
    own = servers - allowance.submission
    if not own or 2 * own < servers:
        return None
    return Explanation(
        f"submits mail to {servers} servers, {own} of them its users' own providers, as mail clients behind one address do",
        "if many people share this address, add it to exempt",
        frozenset(),
        HARDLY,
    )


def _mail_server(evidence: HostEvidence) -> Explanation | None:
    senders, names = evidence.log(Fact.TAKES_MAIL_IN).distinct(), evidence.log(Fact.ASKS_PTR).distinct()
    if senders < SENDERS and not (senders and names >= PTR_NAMES):
        return None
    asks = f" and asks the names of {names} addresses" if names >= PTR_NAMES else ""
    return Explanation(
        f"takes mail in from {senders} hosts{asks}, as a mail server does",
        "declare it in mail_servers, or look at it",
        BY_RATE,
        PERHAPS,
    )


def _resolver(evidence: HostEvidence) -> Explanation | None:
    clients = evidence.log(Fact.SERVES_DNS).distinct()
    if clients < CLIENTS:
        return None
    return Explanation(f"answers DNS for {clients} hosts, as a resolver does", "declare it in resolvers, or look at it", LOOKUPS, HARDLY)


def _scanner(evidence: HostEvidence) -> Explanation | None:
    inside = evidence.log(Fact.INSIDE_TARGETS).distinct()
    strangers = _keys(evidence, Signal.SMTP_ATTEMPTS)
    probed = strangers & {key for _, key in evidence.log(Fact.PROBED).newcomers()}
    next_step = "if it is your scanner, add it to exempt; if not, look at it as a scanner"
    if len(probed) >= SCANNED_HOSTS and 2 * len(probed) >= len(strangers):
        text = f"also tries other ports of {len(probed)} of the {len(strangers)} mail servers, as a scanner does"
        return Explanation(text, next_step, BY_RATE, HARDLY)
    if inside >= SCANNED_HOSTS:
        text = f"connects to the mail ports of {inside} inside hosts, as a scanner does; mail goes outside"
        return Explanation(text, next_step, frozenset(), HARDLY)
    return None


def _monitor(evidence: HostEvidence) -> Explanation | None:
    track = evidence.log(Signal.SMTP_ATTEMPTS)
    strangers = track.newcomers()
    if not 0 < len(strangers) <= MONITORED_AT_MOST or track.count() < VISITS_EACH * len(strangers):
        return None
    answered = evidence.log(Fact.MET_BY_SMTP).distinct() >= len(strangers)
    settled = strangers[-1][0] - track.first_seen <= SETTLED * (track.last_seen - track.first_seen)
    asks_mx = evidence.log(Signal.MX_FLOOD).distinct() >= MX_DOMAINS
    if not settled or not answered or asks_mx or evidence.log(Signal.MAIL_BURST).hours:
        return None
    return Explanation(
        f"visits the same {len(strangers)} servers again and again and sends no mail that was seen, as monitoring does",
        "if it monitors them, add it to exempt; if not, look at it",
        BY_RATE,
        HARDLY,
    )

"""HostEvidence -> benign explanations, the signals they explain, and the next step. Pure."""

from collections import Counter
from collections.abc import Callable

from msgspec import Struct

from eveproc.evidence.sketch import widest
from eveproc.evidence.store import HostEvidence
from eveproc.input.addresses import is_address
from eveproc.signals.domains import registered_domain
from eveproc.signals.facts import Fact
from eveproc.signals.registry import SIGNALS
from eveproc.verdicts.acts import OWN_PROVIDERS, servers_on_port_25
from eveproc.verdicts.alert_weights import TELLING, count_alone
from eveproc.verdicts.caps import Caps
from eveproc.verdicts.recipients import are_taken_as_a_rule
from rulegen.vocabulary import Family, Signal

# Enough distinct clients to call a host a server, not a peer that was met once.
SENDERS = 3
CLIENTS = 3
# A mail server receives mail in proportion to what it sends. A few port scans of an open port 25 do
# not make a host a mail server.
SHARE_IN = 0.05
# Domains that mail is taken in for and passed on to, in all and for each host that brings mail. A
# secondary mail server serves the domains of a friend or two.
PASSED_ON, PASSED_EACH = 15, 2
# Out of about ten (evidence.Fact.ASKS_PTR).
PTR_NAMES = 1
# A mass mailer does not connect to internal hosts' mail ports, nor to other ports of a mail server.
SCANNED_HOSTS = 5
# A monitor returns to the servers of its first rounds for as long as it is observed, at most this
# often a minute.
AGAIN, ROUNDS, SETTLED, WATCHED, A_MINUTE = 3, 1.5, 0.25, 1800, 1.2
# Almost certainly a monitor: this many visits to each server, and this few servers.
VISITS_EACH, FEW = 10, 8
# Most servers answer, and the host does not look up where to deliver.
ANSWER, MX_DOMAINS = 0.8, 5
# Not reached by a program that sends in its owner's name: new servers within an hour, recipient
# domains of one text.
OWN_PACE, OWN_COPIES = 7, 3

# So many mails of a business program have to be readable, and this share of the servers takes mail:
# mail services stop a sender at 10 % of bounces (Amazon SES, "Monitoring your sender reputation").
SHOWN, TAKEN = 5, 0.9

# Of the servers that a survey meets, this share is handed nothing, and one at most anything (a
# check may end with a mail to oneself; Emotet in a public capture handed mails to 15 of 232
# servers). A third of what it tries answers: three ports, one open.
MOST_ASKED, HANDED_AT_MOST, MET_AT_LEAST = 0.8, 1, 0.3

# File sharing: peers that do not answer, on ports of their own choice, many more than on mail
# ports. A scan of many hosts tries few ports, a scan of many ports tries few hosts.
PEERS_LOST, PORTS_LOST, LOST_EACH = 50, 30, 5

# Of the servers that were tried, the share at which the host was seen to ask for the settings of an
# account (a sensor that lost 15 % of the packets showed it for 11 of 16), and the connections to
# each that may have handed something over: a login is tried on each submission port, a test mail
# follows.
SET_UP, TESTS_EACH = 0.65, 4

# An account in regular use is used in so many hours; so are most of those behind one address. A
# sender with stolen accounts (a slow one met 71 servers in 55 minutes) has no use for them later.
REGULAR_HOURS, REGULAR = 3, 0.6

# Highest score that an explanation leaves. A mail server may still send spam; the others do not
# look like mass mailers.
PERHAPS, HARDLY = 0.85, 0.40
# With more lookups than this for each server connected to, the lookups are not for delivery.
LOOKUPS_EACH = 5
BY_RATE = frozenset(signal for signal, entry in SIGNALS.items() if entry.explained_by_volume)
LOOKUPS = frozenset(s for s in Signal if s.family is Family.LOOKUP)
CONNECTIONS = frozenset(
    s
    for s in Signal
    if SIGNALS[s].counted_from in (Signal.SMTP_ATTEMPTS, Signal.SUBMISSION_ATTEMPTS)
)
SUBMITTED = frozenset(s for s in Signal if SIGNALS[s].counted_from is Signal.SUBMISSION_ATTEMPTS)
COUNTED = frozenset(Signal) - frozenset(TELLING)
SURVEYED = frozenset(s for s in Signal if s.family in (Family.LOOKUP, Family.DELIVERY))


class BenignExplanation(Struct, frozen=True):
    """A benign explanation; `text` completes "this host ...".

    `signals` are the explained signals; they can raise the score to `at_most` only.
    """

    text: str
    next_step: str
    signals: frozenset[Signal]
    at_most: float


def find_benign_explanations(
    evidence: HostEvidence, caps: Caps, may_be_own: Callable[[str], bool]
) -> tuple[BenignExplanation, ...]:
    """Every benign explanation that the evidence supports.

    `may_be_own`: whether a registered domain may be the site's own.
    """
    by_role = (
        _mail_server(evidence),
        _resolver(evidence),
        _scanner(evidence),
        _provider_client(evidence) or _monitor(evidence) or _survey(evidence),
        _account_setup(evidence),
        _regulars(evidence),
        _file_sharer(evidence),
        _own_sender(evidence, may_be_own),
        counted_alone(evidence),
    )
    found = tuple(e for e in by_role if e)
    checker = None if any(e.signals >= LOOKUPS for e in found) else _address_checker(evidence, caps)
    return found + tuple(e for e in (checker, _own_providers(evidence, caps)) if e)


def counted_alone(evidence: HostEvidence) -> BenignExplanation | None:
    """Alerts alone that count what newsletters, surveys, monitors and crowds do as well."""
    if not count_alone(evidence):
        return None
    return BenignExplanation(
        "is seen by rules alone that newsletters, surveys, monitors and the people behind one "
        "address trigger as well",
        "log its dns, smtp and flow records, or look at what it sends",
        COUNTED,
        PERHAPS,
    )


def _mail_server(evidence: HostEvidence) -> BenignExplanation | None:
    senders, names = (
        evidence.log(Fact.TAKES_MAIL_IN).distinct(),
        evidence.log(Fact.ASKS_PTR).distinct(),
    )
    if _relays_for_anybody(evidence):
        return None
    if senders < SENDERS and not (senders and names >= PTR_NAMES):
        return None
    sent = max(evidence.log(s).count() for s in (Signal.SMTP_ATTEMPTS, Signal.SMTP_SESSIONS))
    if evidence.log(Fact.TAKES_MAIL_IN).count() < SHARE_IN * sent:
        return None
    asks = " and looks up the names of addresses" if names >= PTR_NAMES else ""
    return BenignExplanation(
        f"receives mail from {senders} hosts{asks}, as a mail server does",
        "declare it in mail_servers, or investigate it",
        BY_RATE,
        PERHAPS,
    )


def _relays_for_anybody(evidence: HostEvidence) -> bool:
    """An open relay: few hosts bring mail for many domains, and it goes on to those (RFC 2505).

    A mail server takes mail in for its own domains. A backup server passes on what many servers
    bring, for the few domains that it serves.
    """
    out = evidence.log(Signal.MAIL_BURST).keys()
    passed = len(out & evidence.log(Fact.TAKES_IN_FOR).keys())
    few = PASSED_EACH * evidence.log(Fact.TAKES_MAIL_IN).distinct()
    return passed >= max(PASSED_ON, few) and 2 * passed >= len(out)


def _resolver(evidence: HostEvidence) -> BenignExplanation | None:
    clients = evidence.log(Fact.SERVES_DNS).distinct()
    if clients < CLIENTS:
        return None
    return BenignExplanation(
        f"answers DNS for {clients} hosts, as a resolver does",
        "declare it in resolvers, or investigate it",
        LOOKUPS,
        HARDLY,
    )


def _scanner(evidence: HostEvidence) -> BenignExplanation | None:
    inside = evidence.log(Fact.INSIDE_TARGETS).distinct()
    peers = evidence.log(Signal.SMTP_ATTEMPTS).keys()
    probed = peers & evidence.log(Fact.PROBED).keys()
    # A scanner checks whether a port is open; it does not send HELO.
    talks = (
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
    if inside >= SCANNED_HOSTS:
        text = (
            f"connects to the mail ports of {inside} internal hosts, as a scanner does; "
            "mail goes to external ones"
        )
        return BenignExplanation(text, next_step, frozenset(), HARDLY)
    return None


def _provider_client(evidence: HostEvidence) -> BenignExplanation | None:
    """A program or device with a mail account: few organisations, however many addresses.

    It explains no signal: few peers weigh little by themselves, and the content of mails still
    counts.
    """
    tried = (Signal.SMTP_ATTEMPTS, Signal.SMTP_SESSIONS, Signal.SUBMISSION_ATTEMPTS)
    peers = set().union(*(evidence.log(signal).keys() for signal in tried))
    if not 0 < len(peers) <= OWN_PROVIDERS or any(map(is_address, peers)):
        return None
    return BenignExplanation(
        f"sends its mail only through {' and '.join(sorted(peers))}, as a client of a "
        "mail provider does",
        "if it should use the site's relay, change its settings",
        frozenset(),
        HARDLY,
    )


def _monitor(evidence: HostEvidence) -> BenignExplanation | None:
    sketches = [evidence.log(s) for s in (Signal.SMTP_ATTEMPTS, Signal.SUBMISSION_ATTEMPTS)]
    peers = len(set().union(*(sketch.keys() for sketch in sketches)))
    if (
        not peers
        or evidence.log(Signal.MAIL_BURST).hours
        or evidence.log(Signal.MX_FLOOD).distinct() >= MX_DOMAINS
    ):
        return None
    each = sum(sketch.count() for sketch in sketches) / peers
    start, end = (
        min(sketch.first_seen for sketch in sketches),
        max(sketch.last_seen for sketch in sketches),
    )
    newest = max(time for sketch in sketches for time, _ in sketch.newcomers())
    answered = evidence.log(Fact.MET_BY_MAIL).distinct() >= ANSWER * peers
    settled = newest - start <= max(ROUNDS / each, SETTLED) * (end - start)
    if each < AGAIN or end - start < WATCHED or not answered or not settled:
        return None
    is_gentle = each >= VISITS_EACH and peers <= FEW and each <= A_MINUTE * (end - start) / 60
    sure = is_gentle or _hands_nothing_over(evidence)
    return BenignExplanation(
        f"connects to the same {peers} servers repeatedly without sending mail that was "
        "seen, as monitoring does",
        "if it monitors them, add it to exempt; if not, investigate it",
        BY_RATE,
        HARDLY if sure else PERHAPS,
    )


def _survey(evidence: HostEvidence) -> BenignExplanation | None:
    """Mail servers are asked something and handed nothing: banner, TLS, addresses, an account's
    set-up.

    A mass mailer whose every mail is refused looks the same on port 25, but tries no other ports.
    """
    met = evidence.log(Fact.MET_BY_MAIL).keys()
    direct = servers_on_port_25(evidence)
    submission = evidence.log(Signal.SUBMISSION_ATTEMPTS).keys()
    tried = direct | submission
    if not _hands_nothing_over(evidence) or len(met) < MET_AT_LEAST * len(tried):
        return None
    mailboxes = evidence.log(Fact.READS_MAILBOX).keys()
    several = (direct & submission) | (tried & mailboxes)
    return BenignExplanation(
        f"connects to {len(met)} mail servers and hands over no mail, as a survey does",
        "if it checks servers or addresses, add it to exempt; if not, find the program",
        SURVEYED,
        HARDLY if 2 * len(several) >= len(tried) else PERHAPS,
    )


def _hands_nothing_over(evidence: HostEvidence) -> bool:
    """To most of the mail servers that it met the host sent too little for a mail or a login."""
    met, handed = evidence.log(Fact.MET_BY_MAIL).keys(), evidence.log(Fact.HANDED_OVER).keys()
    asked = evidence.log(Fact.SENT_NOTHING).keys() - handed
    return bool(asked) and len(asked) >= MOST_ASKED * len(met) and len(handed) <= HANDED_AT_MOST


def _regulars(evidence: HostEvidence) -> BenignExplanation | None:
    """Many programs or people behind one address, each with an account that it goes on using.

    A mass mailer uses a stolen account until it is locked, and then the next.
    """
    tried = evidence.log(Signal.SUBMISSION_ATTEMPTS)
    used = Counter(server for bucket in tried.hours.values() for server in bucket.keys)
    again = sum(hours >= REGULAR_HOURS for hours in used.values())
    if not again or again < REGULAR * len(used):
        return None
    return BenignExplanation(
        f"returns to {again} of its {len(used)} submission servers in {REGULAR_HOURS} hours and "
        "more, as many programs behind one address do",
        "if many programs or people share this address, add it to exempt; if not, investigate it",
        SUBMITTED,
        PERHAPS,
    )


def _account_setup(evidence: HostEvidence) -> BenignExplanation | None:
    """Mail accounts are set up: each domain whose servers are tried is asked for its settings.

    Who sends mail to a domain needs no such settings. What is mailed afterwards is not excused.
    """
    settings = evidence.log(Fact.ASKS_SETTINGS).keys()
    tried = servers_on_port_25(evidence) | evidence.log(Signal.SUBMISSION_ATTEMPTS).keys()
    own = tried & settings
    tests = evidence.log(Fact.HANDED_OVER).count()
    if not own or len(own) < SET_UP * len(tried) or tests > TESTS_EACH * len(own):
        return None
    return BenignExplanation(
        f"asks {len(settings)} domains for the settings of mail programs and tries the servers of "
        f"{len(own)} of them, as somebody does who sets up accounts",
        "if nobody sets up accounts there, find the program",
        SURVEYED,
        HARDLY,
    )


def _file_sharer(evidence: HostEvidence) -> BenignExplanation | None:
    """A program that shares files: some of its peers listen on mail ports (BEP 3 leaves the
    choice).

    It speaks no SMTP and looks up no mail servers.
    """
    lost, ports = evidence.log(Fact.PROBED).distinct(), evidence.log(Fact.ODD_PORTS).distinct()
    tried = (Signal.SMTP_ATTEMPTS, Signal.SUBMISSION_ATTEMPTS)
    peers = len(set().union(*(evidence.log(signal).keys() for signal in tried)))
    looked_up = max(evidence.log(s).distinct() for s in (Signal.MX_FLOOD, Signal.NAME_GUESS))
    talks = evidence.log(Signal.SMTP_SESSIONS).distinct() >= SCANNED_HOSTS
    is_sharer = lost >= max(PEERS_LOST, LOST_EACH * peers) and ports >= PORTS_LOST
    if not peers or not is_sharer or talks or looked_up >= MX_DOMAINS:
        return None
    return BenignExplanation(
        f"tries {lost} other peers on {ports} ports in vain, as a program that shares files does",
        "if sharing files is not allowed, find the program",
        CONNECTIONS,
        HARDLY,
    )


def _own_sender(
    evidence: HostEvidence, may_be_own: Callable[[str], bool]
) -> BenignExplanation | None:
    """A program of the site that delivers directly: one HELO name, no programs attached."""
    helos = evidence.log(Signal.HELO_ODD).distinct()
    if helos > 1 or evidence.log(Signal.WORM_ATTACHMENT).hours:
        return None
    if _is_slow_in_our_name(evidence):
        what, explained = "the site's own domains at a low rate", BY_RATE - {Signal.LOOK_ALIKE}
    elif _is_aligned(evidence, may_be_own) and are_taken_as_a_rule(evidence):
        what, explained = "the domain of its HELO name, and nearly all of it is accepted", BY_RATE
    else:
        return None
    return BenignExplanation(
        f"sends only from {what}, as a program that delivers directly does",
        "route it through the relay or declare it in mail_servers; otherwise investigate it",
        explained,
        PERHAPS,
    )


def _is_slow_in_our_name(evidence: HostEvidence) -> bool:
    """Own senders, few new servers an hour, different texts."""
    mails, own = evidence.log(Signal.MAIL_BURST), evidence.log(Fact.SENDS_AS_US)
    hurried = (
        max(widest(evidence.log(Signal.SMTP_SESSIONS).newcomers(), 3600), default=0) >= OWN_PACE
    )
    copies = Counter(
        key.rpartition(" ")[0] for _, key in evidence.log(Signal.LOOK_ALIKE).newcomers()
    )
    is_own = own.hours and own.count() >= mails.count()
    return bool(is_own and not hurried and max(copies.values(), default=0) < OWN_COPIES)


def _is_aligned(evidence: HostEvidence, may_be_own: Callable[[str], bool]) -> bool:
    """One sender domain, that of the HELO name, in all mails that are seen; most servers take one.

    Of encrypted mails only the size is seen. Spam with well-formed names of the spammer's own looks
    alike (snowshoe), so the domain has to be the site's where the site's are known.
    """
    (helo,) = evidence.log(Signal.HELO_ODD).keys() or {""}
    own = set(map(registered_domain, evidence.log(Fact.SENDS_AS_US).keys()))
    senders = evidence.log(Signal.SENDER_CHURN).keys() | own
    tried = servers_on_port_25(evidence)
    taken = tried & evidence.log(Fact.HANDED_OVER).keys()
    is_shown = evidence.log(Signal.MAIL_BURST).count() >= SHOWN
    is_taken = len(taken) >= TAKEN * len(tried)
    domain = registered_domain(helo) if "." in helo else ""
    return is_shown and is_taken and senders == {domain} and may_be_own(domain)


def _address_checker(evidence: HostEvidence, caps: Caps) -> BenignExplanation | None:
    asked = max(evidence.log(signal).distinct() for signal in (Signal.MX_FLOOD, Signal.NAME_GUESS))
    if not caps.connections_logged or asked < MX_DOMAINS or asked <= LOOKUPS_EACH * caps.servers:
        return None
    return BenignExplanation(
        f"looked up mail servers of {asked} domains and connected to {caps.servers} of "
        "them, as an address checker does",
        "if it checks addresses, add it to exempt; if not, find the program that sends the queries",
        frozenset(),
        HARDLY,
    )


def _own_providers(evidence: HostEvidence, caps: Caps) -> BenignExplanation | None:
    servers = (
        len(servers_on_port_25(evidence)) + evidence.log(Signal.SUBMISSION_ATTEMPTS).distinct()
    )
    own = servers - caps.servers
    if own <= 0 or 2 * own < servers:
        return None
    return BenignExplanation(
        f"submits mail to {servers} servers, {own} of them its users' own providers, as "
        "mail clients do",
        "if many people share this address, add it to exempt",
        frozenset(),
        HARDLY,
    )

"""HostEvidence -> explanations of people and programs with mail accounts of their own. Pure."""

from eveproc.evidence.store import HostEvidence
from eveproc.input.addresses import is_address
from eveproc.signals.facts import Fact
from eveproc.verdicts.acts import OWN_PROVIDERS, servers_on_port_25
from eveproc.verdicts.caps import (
    REGULAR_HOURS,
    Caps,
    in_use_all_day,
    is_all_day,
    times_by_server,
)
from eveproc.verdicts.explained_servers import SCANNED_HOSTS
from eveproc.verdicts.explained_surveys import MX_DOMAINS
from eveproc.verdicts.explanation import (
    BY_RATE,
    CONNECTIONS,
    HARDLY,
    PERHAPS,
    SUBMITTED,
    SURVEYED,
    BenignExplanation,
)
from eveproc.verdicts.recipients import are_refused_often
from rulegen.vocabulary import Signal

# File sharing: peers that do not answer, on ports of their own choice, many more than on mail
# ports. A scan of many hosts tries few ports, a scan of many ports tries few hosts.
PEERS_LOST, PORTS_LOST, LOST_EACH = 50, 30, 5
# Maximum number of connections with data to each server of an account that is set up: a login is
# tried on each submission port, and a test mail follows.
TESTS_EACH = 4
# The same mails on port 25, as connections, sessions and by their recipients' domains.
GIVEN_ON_25 = (CONNECTIONS - SUBMITTED) | {Signal.SMTP_SESSIONS, Signal.MAIL_BURST}


def provider_client(evidence: HostEvidence) -> BenignExplanation | None:
    """A program or device with a mail account: few organisations, however many addresses.

    Few peers weigh little anyway, and the content of mails still counts, unless the providers let
    the host send from morning to evening: they lock what sends spam.
    """
    tried = (Signal.SMTP_ATTEMPTS, Signal.SMTP_SESSIONS, Signal.SUBMISSION_ATTEMPTS)
    used = [times_by_server(evidence, signal) for signal in tried]
    peers = set().union(*used)
    if not 0 < len(peers) <= OWN_PROVIDERS or any(map(is_address, peers)):
        return None
    all_day = {server for times in used for server, seen in times.items() if is_all_day(seen)}
    is_regular = peers == all_day and not are_refused_often(evidence)
    text = f"sends its mail only through {' and '.join(sorted(peers))}, as a client of a "
    return BenignExplanation(
        f"{text}mail provider does{', from morning to evening' if is_regular else ''}",
        "if it should use the site's relay, change its settings",
        BY_RATE if is_regular else frozenset(),
        PERHAPS if is_regular else HARDLY,
    )


def regulars(evidence: HostEvidence) -> BenignExplanation | None:
    """Many programs or people behind one address, each of which keeps using its account.

    A mass mailer uses a stolen account until it is locked, and then the next. Accounts that are in
    use from morning to evening do not count at all (caps.py); this is about the others.
    """
    used = times_by_server(evidence, Signal.SUBMISSION_ATTEMPTS)
    others = used.keys() - in_use_all_day(evidence)
    again = sum(len(used[server]) >= REGULAR_HOURS for server in others)
    return _if_most(again, len(others), "submission servers", SUBMITTED)


def regulars_on_port_25(evidence: HostEvidence) -> BenignExplanation | None:
    """The same on port 25, where old programs submit (RFC 5068).

    Mail exchangers count as addresses (server_names.py), so they are none of these servers. What is
    sent to whom is not explained.
    """
    used = [times_by_server(evidence, s) for s in (Signal.SMTP_ATTEMPTS, Signal.SMTP_SESSIONS)]
    regular = {s for times in used for s, seen in times.items() if len(seen) >= REGULAR_HOURS}
    again = sum(not is_address(server) for server in regular)
    return _if_most(again, len(servers_on_port_25(evidence)), "servers on port 25", GIVEN_ON_25)


def _if_most(
    again: int, servers: int, what: str, explained: frozenset[Signal]
) -> BenignExplanation | None:
    if servers <= OWN_PROVIDERS or 2 * again <= servers:
        return None
    return BenignExplanation(
        f"used {again} of its {servers} {what} in {REGULAR_HOURS} or more distinct hours, as many "
        "programs behind one address do",
        "if many programs or people share this address, add it to exempt; if not, investigate it",
        explained,
        PERHAPS,
    )


def account_setup(evidence: HostEvidence) -> BenignExplanation | None:
    """Mail account set-up: for most domains whose servers are tried, settings are queried.

    Sending mail to a domain does not need these settings. Mails sent afterwards are not excused.
    """
    settings = evidence.log(Fact.ASKS_SETTINGS).keys()
    tried = servers_on_port_25(evidence) | evidence.log(Signal.SUBMISSION_ATTEMPTS).keys()
    own = tried & settings
    tests = evidence.log(Fact.HANDED_OVER).count()
    if 2 * len(own) <= len(tried) or tests > TESTS_EACH * len(own):
        return None
    return BenignExplanation(
        f"queries mail client settings of {len(settings)} domains and tries the servers of "
        f"{len(own)} of them, as a mail client does when accounts are set up",
        "if nobody sets up mail accounts on it, find the program that does this",
        SURVEYED,
        HARDLY,
    )


def file_sharer(evidence: HostEvidence) -> BenignExplanation | None:
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
        f"tries {lost} other peers on {ports} ports without an answer, as a file sharing program "
        "does",
        "if file sharing is not allowed, find and remove the program",
        CONNECTIONS,
        HARDLY,
    )


def own_providers(evidence: HostEvidence, caps: Caps) -> BenignExplanation | None:
    """Most servers belong to providers whose mailboxes are read."""
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

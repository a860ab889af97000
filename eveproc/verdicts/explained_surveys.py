"""HostEvidence -> explanations of hosts that query mail servers and hand over nothing. Pure."""

from eveproc.evidence.sketch import ActivitySketch
from eveproc.evidence.store import HostEvidence
from eveproc.signals.facts import Fact
from eveproc.verdicts.acts import servers_on_port_25
from eveproc.verdicts.caps import REGULAR_HOURS, Caps, times_by_server
from eveproc.verdicts.explanation import (
    BY_RATE,
    CONNECTIONS,
    HARDLY,
    PERHAPS,
    SUBMITTED,
    SURVEYED,
    BenignExplanation,
)
from eveproc.verdicts.recipients import sends_as_its_greeting_says
from eveproc.verdicts.scoring import HostContext
from rulegen.units import count_of
from rulegen.vocabulary import Signal

# A monitor returns to the servers of its first rounds for as long as it is observed, at most this
# often a minute.
AGAIN, ROUNDS, SETTLED, WATCHED, A_MINUTE = 3, 1.5, 0.25, 1800, 1.2
# Almost certainly a monitor: this many visits to each server, and this few servers.
VISITS_EACH, FEW = 10, 8
# Most servers answer, and the host does not look up where to deliver.
ANSWER, MX_DOMAINS = 0.8, 5
# A survey hands nothing to this share of the servers that answer, and something to one at most (a
# check may end with a mail to oneself; Emotet in a public capture handed mails to 15 of 232
# servers). A third of the servers that it tries answers: three ports, one open.
MOST_ASKED, HANDED_AT_MOST, MET_AT_LEAST = 0.8, 1, 0.3
# Maximum number of people who use one machine (signals/content.py, sender_churn).
SEVERAL_NAMES = 8
# With more lookups than this for each server connected to, the lookups are not for delivery.
LOOKUPS_EACH = 5


def monitor(evidence: HostEvidence, context: HostContext) -> BenignExplanation | None:
    """A program that visits the same servers repeatedly and keeps its name."""
    sketches = _visits(evidence, context)
    peers = len(set().union(*(sketch.keys() for sketch in sketches)))
    if (
        not peers
        or not all(sketch.has_all_keys() for sketch in sketches)
        or _sends_visibly(evidence)
        or evidence.log(Signal.MX_FLOOD).distinct() >= MX_DOMAINS
        or _changes_names(evidence)
    ):
        return None
    each = sum(sketch.count() for sketch in sketches) / peers
    seconds = max(s.last_seen for s in sketches) - min(s.first_seen for s in sketches)
    answered = evidence.log(Fact.MET_BY_MAIL).distinct() >= ANSWER * peers
    if each < AGAIN or seconds < WATCHED or not answered or not _meets_all_at_first(sketches):
        return None
    is_gentle = each >= VISITS_EACH and peers <= FEW and each <= A_MINUTE * seconds / 60
    sure = is_gentle or hands_nothing_over(evidence, context)
    return BenignExplanation(
        f"connects to the same {peers} servers repeatedly and sends no visible mail, as "
        "monitoring does",
        "if it monitors them, add it to exempt; if not, investigate it",
        BY_RATE,
        HARDLY if sure else PERHAPS,
    )


def _sends_visibly(evidence: HostEvidence) -> bool:
    """True if a record or an alert shows a mail; alerts do so where no smtp record is logged."""
    shown = (Signal.MAIL_BURST, Signal.RCPT_REFUSED, Signal.WORM_ATTACHMENT)
    alerts = any(evidence.alerts(signal).hours for signal in shown)
    return bool(evidence.log(Signal.MAIL_BURST).hours) or alerts


def _visits(evidence: HostEvidence, context: HostContext) -> list[ActivitySketch]:
    """Connections to port 25 and to submission ports."""
    direct = Signal.SMTP_ATTEMPTS if context.connections_logged else Signal.SMTP_SESSIONS
    return [evidence.log(signal) for signal in (direct, Signal.SUBMISSION_ATTEMPTS)]


def _meets_all_at_first(visits: list[ActivitySketch]) -> bool:
    """True if all servers are met in the first rounds, as far as rounds can be distinguished."""
    each = sum(s.count() for s in visits) / len(set().union(*(s.keys() for s in visits)))
    start, end = min(s.first_seen for s in visits), max(s.last_seen for s in visits)
    newest = max(time for sketch in visits for time, _ in sketch.newcomers())
    return newest - start <= max(ROUNDS / each, SETTLED) * (end - start)


def _comes_back_at_random(visits: list[ActivitySketch]) -> bool:
    """True if each port is tried several times, but not in rounds.

    Unknown if not all servers are kept.
    """
    known = sum(sketch.distinct() for sketch in visits)
    tries = sum(sketch.count() for sketch in visits)
    comes_back = tries >= AGAIN * known and all(sketch.has_all_keys() for sketch in visits)
    return comes_back and not _meets_all_at_first(visits)


def _changes_names(evidence: HostEvidence) -> bool:
    """True if it uses new HELO names or new sender domains nearly each time.

    A program that checks servers has one name; several machines behind one address keep theirs.
    So no program has more names in an hour than are kept.
    """
    return any(
        sketch.distinct() > SEVERAL_NAMES
        and (not sketch.has_all_keys() or sketch.count() < AGAIN * sketch.distinct())
        for sketch in map(evidence.log, (Signal.HELO_ODD, Signal.SENDER_CHURN))
    )


def survey(evidence: HostEvidence, context: HostContext) -> BenignExplanation | None:
    """A survey queries mail servers and hands over nothing: banner, TLS, addresses, account set-up.

    A mass mailer whose mails are all refused looks the same on port 25, but tries no other ports
    and does not identify itself; a host that changes its names is no survey. Submission ports take
    logins (RFC 6409, section 4.3): a host that tries those of many organisations, and none of their
    other ports, may be guessing passwords. So may a host that returns to the same ports repeatedly,
    but not in rounds as a monitor does.
    """
    met = evidence.log(Fact.MET_BY_MAIL).keys()
    direct = servers_on_port_25(evidence)
    submission = evidence.log(Signal.SUBMISSION_ATTEMPTS).keys()
    tried = direct | submission
    if not hands_nothing_over(evidence, context) or len(met) < MET_AT_LEAST * len(tried):
        return None
    if _changes_names(evidence):
        return None
    mailboxes = evidence.log(Fact.READS_MAILBOX).keys()
    several = (direct & submission) | (tried & mailboxes)
    is_thorough = 2 * len(several) >= len(tried)
    is_done = not _comes_back_at_random(_visits(evidence, context))
    is_open = sends_as_its_greeting_says(evidence, context.may_be_own)
    return BenignExplanation(
        f"connects to {len(met)} mail servers and hands over no mail, as a survey does",
        "if it checks servers or addresses, add it to exempt; if not, find the program",
        SURVEYED if is_thorough else SURVEYED - SUBMITTED,
        HARDLY if (is_thorough and is_done) or is_open else PERHAPS,
    )


def blocked_queue(evidence: HostEvidence) -> BenignExplanation | None:
    """A mail server that no other answers tries the same servers again all day (RFC 5321, 4.5.4.1).

    A mass mailer goes on to the next recipient.
    """
    tried = times_by_server(evidence, Signal.SMTP_ATTEMPTS)
    again = sum(len(seen) >= REGULAR_HOURS for seen in tried.values())
    if 2 * again <= len(tried) or evidence.log(Fact.MET_BY_MAIL).hours:
        return None
    return BenignExplanation(
        f"tries {again} of {len(tried)} servers again in {REGULAR_HOURS} hours and more, though "
        "none answers, as the queue of a mail server does",
        "if it should deliver mail, let it reach the relay; if not, find the program",
        BY_RATE - SUBMITTED,
        PERHAPS,
    )


def sessions_alone(evidence: HostEvidence, context: HostContext) -> BenignExplanation | None:
    """Sessions that show no mail, without flow records that show how much was sent.

    As with alerts alone, surveys, monitors and people behind one address reach the same counts.
    """
    kinds = (Signal.SMTP_SESSIONS, Signal.SUBMISSION_ATTEMPTS)
    sessions = sum(evidence.log(kind).count() for kind in kinds)
    mails = evidence.log(Signal.MAIL_BURST).count()
    if context.connections_logged or not sessions or mails > (1 - MOST_ASKED) * sessions:
        return None
    shown = count_of(mails, "readable mail") if mails else "no readable mail"
    return BenignExplanation(
        f"opened {count_of(sessions, 'session')} with {shown}, and without flow records it is "
        "unknown whether it delivered mails",
        "log its flow records, or inspect what it sends",
        CONNECTIONS | {Signal.SMTP_SESSIONS},
        PERHAPS,
    )


def hands_nothing_over(evidence: HostEvidence, context: HostContext) -> bool:
    """True if it sent too little for a mail or login to most mail servers that answered.

    Without flow records the bytes are unknown. Then smtp records show unencrypted sessions, and
    encrypted ones may hand over anything.
    """
    met, handed = evidence.log(Fact.MET_BY_MAIL).keys(), evidence.log(Fact.HANDED_OVER).keys()
    if context.connections_logged:
        asked = evidence.log(Fact.SENT_NOTHING).keys() - handed
    elif context.tls_logged:
        handed = handed | evidence.log(Fact.ENCRYPTS).keys()
        asked = met - handed
    else:
        return False
    return bool(asked) and len(asked) >= MOST_ASKED * len(met) and len(handed) <= HANDED_AT_MOST


def address_checker(evidence: HostEvidence, caps: Caps) -> BenignExplanation | None:
    """Many domains are looked up, and few servers contacted, own providers included."""
    servers = servers_on_port_25(evidence) | evidence.log(Signal.SUBMISSION_ATTEMPTS).keys()
    asked = max(evidence.log(signal).distinct() for signal in (Signal.MX_FLOOD, Signal.NAME_GUESS))
    if not caps.connections_logged or asked < MX_DOMAINS or asked <= LOOKUPS_EACH * len(servers):
        return None
    return BenignExplanation(
        f"looked up mail servers of {asked} domains and connected to {len(servers)} of "
        "them, as an address checker does",
        "if it checks addresses, add it to exempt; if not, find the program that sends the queries",
        frozenset(),
        HARDLY,
    )

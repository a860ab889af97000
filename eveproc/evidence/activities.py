"""A record -> the activities that it shows; an answer -> whether it is about mail."""

from collections.abc import Iterable
from functools import lru_cache

from eveproc.input.events import LOOPBACK, Dns
from eveproc.signals.domains import looks_like_mail_server, names_mail, names_mailbox_server
from eveproc.signals.records import Question, Record
from eveproc.signals.registry import EXTRACTORS, Activity

# Number of names whose meaning is cached.
NAMES_KEPT = 1 << 14


def activities_of(record: Record) -> Iterable[tuple[Activity, str]]:
    """The activities that a record shows, each with the key of the peer."""
    if isinstance(record, Question):  # the same names are asked for repeatedly
        return _activities_of_question(
            record.name, record.rrtype, record.is_nxdomain, record.is_listed
        )
    return ((kind, key) for kind, peer in EXTRACTORS[type(record)] if (key := peer(record)))


@lru_cache(maxsize=NAMES_KEPT)
def _activities_of_question(
    name: str, rrtype: str, is_nxdomain: bool, is_listed: bool
) -> tuple[tuple[Activity, str], ...]:
    """The meaning of a question, whoever asks it and when."""
    event = Dns(
        time=0.0,
        client="",
        server="",
        is_answer=is_nxdomain,
        questions=((name, rrtype),),
        rcode="NXDOMAIN" if is_nxdomain else "",
        addresses=((name, f"{LOOPBACK}0.0.2"),) if is_listed else (),
    )
    question = Question(event, "", name, rrtype)
    return tuple((kind, key) for kind, peer in EXTRACTORS[Question] if (key := peer(question)))


def asks_for_mail_server(event: Dns) -> bool:
    """True if the addresses in an answer belong to names of mail servers."""
    return any(map(_is_mail_name, event.asked_names()))


@lru_cache(maxsize=NAMES_KEPT)
def _is_mail_name(name: str) -> bool:
    return names_mail(name) or looks_like_mail_server(name) or names_mailbox_server(name)

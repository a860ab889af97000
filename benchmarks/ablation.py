"""One event -> the parts of a log to which it belongs.

A kind of missing evidence -> the parts that such a site has. A log is collected once, part by part;
the evidence of a site without some kind of evidence is the merger of the other parts.
"""

from collections.abc import Iterator, Mapping
from enum import Enum, StrEnum, auto
from types import MappingProxyType

from msgspec.structs import replace

from eveproc.input.events import DNS_PORT, Alert, Dns, Event, Flow, Smtp
from rulegen.vocabulary import METADATA_SIGNAL, Family, Signal


class Part(Enum):
    """Evidence that is missing together."""

    MX_RECORDS = auto()
    LOOKUP_RECORDS = auto()
    MAIL_RECORDS = auto()
    OTHER_RECORDS = auto()
    MX_ALERTS = auto()
    LOOKUP_ALERTS = auto()
    MAIL_ALERTS = auto()
    OTHER_ALERTS = auto()


class Without(StrEnum):
    """A kind of evidence that a site may not have."""

    NOTHING = "nothing removed"
    MX = "no MX lookups"
    LOOKUPS = "no name lookups"
    CLEARTEXT = "no cleartext SMTP"
    ALERTS = "no alerts"
    LOGS = "no logs"

    @property
    def parts(self) -> tuple[Part, ...]:
        """The remaining parts."""
        return tuple(part for part in Part if part not in _LOST[self])


_LOST: Mapping[Without, frozenset[Part]] = MappingProxyType(
    {
        Without.NOTHING: frozenset(),
        Without.MX: frozenset((Part.MX_RECORDS, Part.MX_ALERTS)),
        Without.LOOKUPS: frozenset(
            (Part.MX_RECORDS, Part.LOOKUP_RECORDS, Part.MX_ALERTS, Part.LOOKUP_ALERTS)
        ),
        Without.CLEARTEXT: frozenset((Part.MAIL_RECORDS, Part.MAIL_ALERTS)),
        Without.ALERTS: frozenset(
            (Part.MX_ALERTS, Part.LOOKUP_ALERTS, Part.MAIL_ALERTS, Part.OTHER_ALERTS)
        ),
        Without.LOGS: frozenset(
            (Part.MX_RECORDS, Part.LOOKUP_RECORDS, Part.MAIL_RECORDS, Part.OTHER_RECORDS)
        ),
    }
)

_MX_SIGNALS = frozenset((Signal.MX_FLOOD, Signal.MX_SLOW, Signal.MX_THEN_SMTP))
# STARTTLS hides mails and the replies to them, but not connections and the HELO before it.
_MAIL_SIGNALS = frozenset(
    (
        *(Signal.MAIL_BURST, Signal.LOOK_ALIKE, Signal.WORM_ATTACHMENT),
        *(signal for signal in Signal if signal.family is Family.REJECTION),
    )
)


def parts_of(event: Event) -> Iterator[tuple[Part, Event]]:
    """The event, split into what each part would hold; the pieces are equivalent to the event."""
    match event:
        case Alert():
            yield _part_of_alert(event), event
        case Dns():
            yield from _split_questions(event)
        case Flow(server_port=port) if port == DNS_PORT:
            yield (
                Part.LOOKUP_RECORDS,
                event,
            )  # a client of DNS over HTTPS does not connect to port 53 either
        case Smtp():
            yield Part.OTHER_RECORDS, _encrypted(event)
            yield Part.MAIL_RECORDS, event
        case _:
            yield Part.OTHER_RECORDS, event


def _part_of_alert(alert: Alert) -> Part:
    signal = next(
        (signal for signal in Signal if signal in alert.metadata.get(METADATA_SIGNAL, ())), None
    )
    if signal is None:
        return Part.OTHER_ALERTS  # not a rule of this project
    if signal in _MX_SIGNALS:
        return Part.MX_ALERTS
    if signal in _MAIL_SIGNALS:
        return Part.MAIL_ALERTS
    return Part.LOOKUP_ALERTS if signal.family is Family.LOOKUP else Part.OTHER_ALERTS


def _split_questions(event: Dns) -> Iterator[tuple[Part, Dns]]:
    mx = tuple(question for question in event.questions if question[1] == "MX")
    others = tuple(question for question in event.questions if question[1] != "MX")
    if mx:
        yield Part.MX_RECORDS, replace(event, questions=mx)
    if others or not mx:
        yield Part.LOOKUP_RECORDS, replace(event, questions=others)


def _encrypted(event: Smtp) -> Smtp:
    return replace(
        event, mail_from="", rcpt_to=(), subject="", subject_md5="", body_md5="", attachments=()
    )

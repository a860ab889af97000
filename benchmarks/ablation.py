"""One event and the kind of evidence that is to be missing -> the event as it would have been logged without it, or None."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from msgspec.structs import replace

from eveproc.events import DNS_PORT, Alert, Dns, Event, Flow, Smtp
from rulegen.vocabulary import METADATA_SIGNAL, Family, Signal


class Without(StrEnum):
    """A kind of evidence that a site may not have; the value is the heading of its table."""

    NOTHING = "nothing removed"
    MX = "no MX lookups"
    LOOKUPS = "no name lookups"
    CLEARTEXT = "no cleartext SMTP"
    ALERTS = "no alerts"
    LOGS = "no logs"


_LOOKUPS = frozenset(signal for signal in Signal if signal.family is Family.LOOKUP)

# Alerts that a rule could not have raised. STARTTLS leaves connections and the HELO before it, and hides replies and mails.
ALERTS_LOST: Mapping[Without, frozenset[Signal]] = MappingProxyType(
    {
        Without.NOTHING: frozenset(),
        Without.MX: frozenset((Signal.MX_FLOOD, Signal.MX_SLOW, Signal.MX_THEN_SMTP)),
        Without.LOOKUPS: _LOOKUPS | {Signal.MX_THEN_SMTP},
        Without.CLEARTEXT: frozenset((Signal.MAIL_BURST, Signal.LOOK_ALIKE, Signal.WORM_ATTACHMENT, Signal.SMTP_REJECTS)),
        Without.ALERTS: frozenset(Signal),
        Without.LOGS: frozenset(),
    }
)


def remaining(event: Event, without: Without) -> Event | None:
    """The event as this site would have logged it; None where it would not have been logged at all."""
    match event:
        case Alert():
            return None if signal_of(event) in ALERTS_LOST[without] else event
        case _ if without is Without.LOGS:
            return None
        case Dns() if without is Without.MX:
            return _without_mx(event)
        case Dns() if without is Without.LOOKUPS:
            return None
        case Flow(server_port=port) if without is Without.LOOKUPS and port == DNS_PORT:
            return None  # what asks over HTTPS has no connection to port 53 either
        case Smtp() if without is Without.CLEARTEXT:
            return _encrypted(event)
        case _:
            return event


def signal_of(alert: Alert) -> Signal | None:
    """What our own rules write into their metadata; None for other people's rules."""
    values = alert.metadata.get(METADATA_SIGNAL, ())
    return next((signal for signal in Signal if signal in values), None)


def _without_mx(event: Dns) -> Dns | None:
    kept = tuple(question for question in event.questions if question[1] != "MX")
    return replace(event, questions=kept) if kept else None


def _encrypted(event: Smtp) -> Smtp:
    return replace(event, mail_from="", rcpt_to=(), subject="", subject_md5="", body_md5="", attachments=())

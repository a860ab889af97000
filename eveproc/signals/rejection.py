"""The rejection signals: what mail servers answer to a mass mailer.

No EVE record holds replies. Alerts show them, and smtp records show mails that no message followed.
"""

from eveproc.signals.declaration import Extractor, Peer, PeerLimit, SignalEntry, Traces
from eveproc.signals.records import Recipient
from eveproc.signals.rule_match import Untold
from eveproc.signals.weights import AlertWeight, Window
from rulegen.units import HOUR
from rulegen.vocabulary import Signal


def _refused(recipient: Recipient) -> str:
    return recipient.mailbox if recipient.is_refused else ""


_NO_REPLIES = (
    "its rule counts replies of mail servers, which no record holds: judge the present threshold "
    "by its alerts"
)

REJECTION = (
    SignalEntry(
        signal=Signal.SMTP_REJECTS,
        did="was refused as a sender by",
        peer=Peer.SERVER,
        alert_weight=AlertWeight(3.5, 5.0),
        rule_match=Untold(_NO_REPLIES),
    ),
    SignalEntry(
        signal=Signal.RCPT_REFUSED,
        did="had mail refused for",
        peer=Peer.RECIPIENT,
        extractors=(Extractor(Recipient, _refused),),
        traces=Traces(event_types=("smtp",)),
        windows=(Window(HOUR, 4, 20),),
        windows_source="A person mistypes an address now and then. Amazon SES reviews senders "
        "whose bounces reach 5 %, so refusals up to that share do not count; 3 to 40 % of a "
        "spammer's list are refused, and nearly all of it if the sender is on a blocklist.",
        limit=PeerLimit.REFUSED,
        alert_weight=AlertWeight(3.5, 5.0),
        rule_match=Untold(_NO_REPLIES),
    ),
)

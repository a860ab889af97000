"""The rejection signals: what mail servers answer to a mass mailer. No EVE record holds replies, so only alerts show them."""

from eveproc.signals.declaration import Peer, SignalEntry
from eveproc.signals.weights import AlertWeight
from rulegen.vocabulary import Signal

REJECTION = (
    SignalEntry(
        signal=Signal.SMTP_REJECTS,
        did="had mail refused by",
        peer=Peer.SERVER,
        alert_weight=AlertWeight(3.5, 5.0),
    ),
)

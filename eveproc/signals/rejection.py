"""The rejection signals: what mail servers answer to a mass mailer.

No EVE record holds replies, so only alerts show them.
"""

from eveproc.signals.declaration import Peer, SignalEntry
from eveproc.signals.rule_match import Untold
from eveproc.signals.weights import AlertWeight
from rulegen.vocabulary import Signal

REJECTION = (
    SignalEntry(
        signal=Signal.SMTP_REJECTS,
        did="had mail refused by",
        peer=Peer.SERVER,
        alert_weight=AlertWeight(3.5, 5.0),
        rule_match=Untold(
            "its rule counts the replies of mail servers, and no record holds them: "
            "see what it alerts as it is"
        ),
    ),
)

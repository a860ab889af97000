"""What mail servers answer to a mass mailer -> the rejection rules (offsets 301 to 399)."""

from types import MappingProxyType

from rulegen.site_profile import Threshold
from rulegen.spec import Reference, RuleSpec
from rulegen.vocabulary import SNORTS, HostSide, Signal

_REPLIES = Reference("url", "www.rfc-editor.org/rfc/rfc5321#section-4.2")
_STATUS = Reference("url", "www.rfc-editor.org/rfc/rfc3463#section-3.8")

REJECTION = (
    RuleSpec(
        name="smtp_rejects",
        signal=Signal.SMTP_REJECTS,
        offset=301,
        rev=4,
        msg="MXHOUND REJECTION Host or its mails refused by policy of several external servers",
        sees="cleartext replies of distinct external mail servers, including greetings, that "
        "refuse a host or its mail by policy and not because of a recipient: enhanced status "
        "5.7.x, otherwise code 521 or 554, or words such as spam and blacklist",
        mistaken_for=(
            "a program that delivers mail directly from an address that a blocklist holds by "
            "mistake",
        ),
        next_step="Read the texts of the replies: they often name the blocklist or the reason.",
        references=(_REPLIES, _STATUS, Reference("url", "www.rfc-editor.org/rfc/rfc7504")),
        technique="T1071.003",
        classtype="trojan-activity",
        threshold=Threshold(3, 28800),
        threshold_source="RFC 3463: 5.7.x means security or policy; RFC 5321, 4.3.2: 554 is never "
        "the reply to a recipient. Three independent servers agree; a device is refused only "
        "by its one or two providers, each of which counts once a day. Failed authentication "
        "(53x) is not counted.",
        host_side=HostSide.DESTINATION,
        misses=MappingProxyType(
            dict.fromkeys(
                SNORTS,
                "repeated refusals by one server: each of them counts; whether a host receives "
                "mail: mail servers trigger it as well",
            )
        ),
        updated="2026_11_30",
    ),
    RuleSpec(
        name="rcpt_refused",
        signal=Signal.RCPT_REFUSED,
        offset=302,
        rev=1,
        msg="MXHOUND REJECTION Many recipients refused by external servers",
        sees="many cleartext refusals of a recipient or mail (reply codes 550 to 559) by external "
        "mail servers for reasons other than policy; in records, envelopes that no message "
        "followed",
        mistaken_for=(
            "a mailing to an old list of addresses",
            "a program that verifies addresses",
            "a mail server that the site profile does not declare, with ordinary bounces",
            "smtp records that lack the message because the sensor lost packets",
        ),
        next_step="Compare the refused recipients with the owner's correspondents: guessed or "
        "bought addresses are not among them.",
        references=(_REPLIES,),
        technique="T1071.003",
        classtype="trojan-activity",
        threshold=Threshold(5, 300),
        threshold_source="A person mistypes one address, not five in five minutes.",
        host_side=HostSide.DESTINATION,
    ),
)

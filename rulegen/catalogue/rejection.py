"""What mail servers answer to a mass mailer -> the rejection rules (offsets 301 to 399)."""

from types import MappingProxyType

from rulegen.site_profile import Threshold
from rulegen.spec import Reference, RuleSpec
from rulegen.vocabulary import Engine, HostSide, Signal

REJECTION = (
    RuleSpec(
        name="smtp_rejects",
        signal=Signal.SMTP_REJECTS,
        offset=301,
        rev=1,
        msg="MXHOUND REJECTION Many mails refused by outside servers",
        sees="many refusals of a mail, sender or recipient (reply codes 521, 541 and 550 to 559) "
        "from external mail servers in "
        "clear text, at the greeting too",
        mistaken_for=(
            "a mailing to an old list of addresses",
            "a mail server that the site profile does not declare, with ordinary bounces",
        ),
        next_step="Read the texts of the replies: they often name the block list or the reason.",
        references=(
            Reference("url", "www.rfc-editor.org/rfc/rfc5321#section-4.2"),
            Reference("url", "www.rfc-editor.org/rfc/rfc7504"),
        ),
        technique="T1071.003",
        classtype="trojan-activity",
        threshold=Threshold(5, 300),
        threshold_source="A person mistypes one address, not five in five minutes; refusals of "
        "passwords (53x) are not counted.",
        host_side=HostSide.DESTINATION,
    ),
    RuleSpec(
        name="rcpt_refused",
        signal=Signal.RCPT_REFUSED,
        offset=302,
        rev=1,
        msg="MXHOUND REJECTION Many recipients refused",
        sees="mails that no message followed, because the server refused their recipients or "
        "their sender",
        mistaken_for=(
            "a mailing to an old list of addresses",
            "smtp records without their message, where the sensor lost packets",
        ),
        next_step="Compare the refused recipients with the owner's correspondents: guessed or "
        "bought addresses are strangers.",
        references=(Reference("url", "www.rfc-editor.org/rfc/rfc5321#section-4.2"),),
        technique="T1071.003",
        classtype="trojan-activity",
        threshold=Threshold(5, 3600),
        threshold_source="Amazon SES reviews senders from 5 % of bounces on: mailings "
        "that are cared for "
        "stay below.",
        not_on=MappingProxyType(
            dict.fromkeys(
                Engine,
                "a rule cannot compare refused with accepted mails; eveproc does, from "
                "the smtp records of eve.json",
            )
        ),
    ),
)

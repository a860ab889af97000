"""What mail servers answer to a mass mailer -> the rejection rules (offsets 301 to 399)."""

from rulegen.site_profile import Threshold
from rulegen.spec import Reference, RuleSpec
from rulegen.vocabulary import HostSide, Signal

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
)

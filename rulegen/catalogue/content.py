"""What the mails of a mass mailer look like -> the content rules (offsets 201 to 299)."""

from types import MappingProxyType

from rulegen.catalogue.misses import ON_WEB_PORTS
from rulegen.site_profile import Threshold
from rulegen.spec import Reference, RuleSpec
from rulegen.vocabulary import RUNNABLE_SUFFIXES, SNORTS, Engine, Signal

_LOG_ONLY = MappingProxyType(
    dict.fromkeys(
        Engine,
        "an engine cannot compare mails with each other; eveproc does, from the smtp records of "
        "eve.json",
    )
)

_PLAIN_NAMES = MappingProxyType(
    dict.fromkeys(
        SNORTS,
        "file names outside a Content-Disposition header or encoded (RFC 2047, 2231); mails on "
        "ports other than the site's",
    )
)

CONTENT = (
    RuleSpec(
        name="look_alike",
        signal=Signal.LOOK_ALIKE,
        offset=201,
        rev=1,
        msg="MXHOUND CONTENT Look-alike mails to many recipients",
        sees="mails with the same subject or body, from one host, to recipients in many domains",
        mistaken_for=(
            "a newsletter or invitation sent to many people",
            "an application that sends the same notice to each of its users",
        ),
        next_step="Read one of the mails; ask the owner whether the mailing was intended.",
        references=(Reference("url", "www.rfc-editor.org/rfc/rfc5321"),),
        technique="T1566",
        classtype="trojan-activity",
        threshold=Threshold(10, 300),
        threshold_source="As for mail_burst: a person does not write ten mails in five minutes.",
        not_on=_LOG_ONLY,
    ),
    RuleSpec(
        name="worm_attachment",
        signal=Signal.WORM_ATTACHMENT,
        offset=202,
        rev=3,
        msg="MXHOUND CONTENT Executable attachments mailed to external servers",
        sees="attachments of a type that Windows runs, installs or mounts "
        f"({', '.join(RUNNABLE_SUFFIXES)}), in cleartext mails to external servers",
        mistaken_for=("a person or application that mails programs to an external partner",),
        next_step="Have a copy of the attachment analyzed; check which programs run on the host.",
        references=(Reference("url", "attack.mitre.org/techniques/T1566/001"),),
        technique="T1566.001",
        classtype="trojan-activity",
        threshold=Threshold(3, 3600),
        threshold_source="Large providers refuse such attachments, so people do not send three of "
        "them in an hour.",
        misses=MappingProxyType({**ON_WEB_PORTS, **_PLAIN_NAMES}),
        updated="2026_11_29",
    ),
    RuleSpec(
        name="helo_odd",
        signal=Signal.HELO_ODD,
        offset=203,
        rev=2,
        msg="MXHOUND CONTENT Sessions with external mail servers under a HELO name no mail server "
        "has",
        sees="SMTP sessions on port 25 of external hosts whose HELO name is a single word, a bare "
        "address, localhost, or the literal of an address that no host can have on the "
        "Internet ([0.0.0.0], [127.0.0.1])",
        mistaken_for=(
            "a mail client or device that hands its mail to an external provider on port 25",
            "a mail server of the site that has no fully qualified name",
        ),
        next_step="Check which HELO names the host uses and with how many servers; give a "
        "legitimate mail server its fully qualified name.",
        references=(Reference("url", "www.rfc-editor.org/rfc/rfc5321#section-4.1.3"),),
        technique="T1071.003",
        classtype="trojan-activity",
        threshold=Threshold(10, 3600),
        threshold_source="Office clients, which do use single words, opened at most 6 sessions in "
        "3600 s (a day of a real office); all 99 sessions of Emotet 2021 used [0.0.0.0]. "
        "Submission ports are excluded: mail clients use single words there.",
        updated="2026_11_30",
    ),
    RuleSpec(
        name="sender_churn",
        signal=Signal.SENDER_CHURN,
        offset=204,
        rev=1,
        msg="MXHOUND CONTENT Mails under the sender domains of many others",
        sees="mails from one host to external servers, with envelope senders in many domains, "
        "none of them the site's own",
        mistaken_for=(
            "a mail server, forwarder or list server that the site profile does not declare",
            "a web or application server that sends on behalf of its customers",
            "a machine shared by many people who each have their own accounts",
        ),
        next_step="Compare the senders with the users of the host; declare it if it is a mail "
        "server.",
        references=(
            Reference(
                "url", "www.usenix.org/legacy/event/leet08/tech/full_papers/kreibich/kreibich_html"
            ),
        ),
        technique="T1566",
        classtype="trojan-activity",
        threshold=Threshold(8, 3600),
        threshold_source="Storm took the sender of each mail from lists of names and domains "
        "(Kreibich et al. 2008); a person has two or three accounts.",
        not_on=_LOG_ONLY,
    ),
)

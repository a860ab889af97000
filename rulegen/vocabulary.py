"""Enums that both commands share.

rulegen writes them into rule metadata; eveproc reads them back from alerts.
"""

from enum import StrEnum
from typing import Self


class Engine(StrEnum):
    """An IDS and its major version, whose rule language a build uses.

    Its value is also the name of the build's folder.
    """

    SURICATA_7 = "suricata-7"
    SURICATA_8 = "suricata-8"
    SNORT_29 = "snort-2.9"
    SNORT_3 = "snort-3"


SURICATAS = (Engine.SURICATA_7, Engine.SURICATA_8)
SNORTS = (Engine.SNORT_29, Engine.SNORT_3)


class Family(StrEnum):
    """Independent types of evidence; a verdict of infected needs two that agree."""

    LOOKUP = "lookup"
    DELIVERY = "delivery"
    CONTENT = "content"
    REJECTION = "rejection"


class Signal(StrEnum):
    """A behaviour of a mass mailer that rules or logs can count, and its family.

    Its rule is in rulegen/catalogue, its records are in eveproc/signals.
    """

    family: Family

    def __new__(cls, name: str, *family: Family) -> Self:  # Signal(name) finds a member by its name
        member = str.__new__(cls, name)
        member._value_ = name
        (member.family,) = family
        return member

    MX_FLOOD = "mx_flood", Family.LOOKUP
    MX_SLOW = "mx_slow", Family.LOOKUP
    NAME_GUESS = "name_guess", Family.LOOKUP
    NAME_GUESS_NX = "name_guess_nx", Family.LOOKUP
    SMTP_ATTEMPTS = "smtp_attempts", Family.DELIVERY
    SMTP_SLOW = "smtp_slow", Family.DELIVERY
    SMTP_VERY_SLOW = "smtp_very_slow", Family.DELIVERY
    SUBMISSION_ATTEMPTS = "submission_attempts", Family.DELIVERY
    SUBMISSION_SLOW = "submission_slow", Family.DELIVERY
    SMTP_SESSIONS = "smtp_sessions", Family.DELIVERY
    MAIL_BURST = "mail_burst", Family.DELIVERY
    MX_THEN_SMTP = "mx_then_smtp", Family.DELIVERY
    RECIPIENT_SPREAD = "recipient_spread", Family.DELIVERY
    RELAY_SPREAD = "relay_spread", Family.DELIVERY
    LOOK_ALIKE = "look_alike", Family.CONTENT
    WORM_ATTACHMENT = "worm_attachment", Family.CONTENT
    HELO_ODD = "helo_odd", Family.CONTENT
    SENDER_CHURN = "sender_churn", Family.CONTENT
    SMTP_REJECTS = "smtp_rejects", Family.REJECTION
    RCPT_REFUSED = "rcpt_refused", Family.REJECTION


class HostSide(StrEnum):
    """The end of the alerting packet that is the suspect host.

    Rules on replies have it as destination.
    """

    SOURCE = "src_ip"
    DESTINATION = "dest_ip"


class Level(StrEnum):
    """Verdict level of a host; `rank` orders them from clean to infected."""

    CLEAN = "clean"
    SUSPECTED = "suspected"
    INFECTED = "infected"

    @property
    def rank(self) -> int:
        return list(Level).index(self)


# Keys of a rule's metadata. EVE returns them as alert.metadata {"mxhound_signal": ["mx_flood"],
# ...}.
METADATA_SIGNAL = "mxhound_signal"
METADATA_FAMILY = "mxhound_family"
METADATA_HOST = "mxhound_host"

# First labels of host names that a mass mailer guesses or resolves to find a domain's mail server.
# mail, smtp, mx, ns, gate, relay: W32/Mytob.A (Ludena Romana, Musashi 2005); the numbered forms and
# mxs: Mytob variants.
GUESSED_LABELS = ("mail", "mail1", "smtp", "mx", "mxs", "mx1", "gate", "relay", "ns")

# Suffixes of files that Windows runs, installs or mounts when a user opens them. All of them are on
# Gmail's list of blocked file types (support.google.com/mail/answer/6590), except those that need
# another program or a command. Mass mailing worms used bat, cmd, com, cpl, exe, pif, scr and vbs;
# later loaders used the others.
RUNNABLE_SUFFIXES = (
    *("appx", "bat", "chm", "cmd", "com", "cpl", "exe", "hta", "img", "iso", "jar", "js", "jse"),
    *("lnk", "msc", "msi", "msix", "pif", "ps1", "scr", "vbe", "vbs", "vhd", "wsf", "wsh", "xll"),
)

# Ports of POP and IMAP, used to read mail.
MAILBOX_PORTS = frozenset((110, 143, 993, 995))
# Each with its neighbour: when Suricata groups rules by port it closes a gap of one
# (detect.profiling.grouping, 7.0.10 and 8.0.8).
WEB_PORTS = (range(80, 82), range(443, 445))

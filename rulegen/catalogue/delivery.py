"""How a mass mailer hands mail over -> the delivery rules (offsets 101 to 199)."""

from types import MappingProxyType

from rulegen.catalogue.misses import NOT_PORT_53, ON_WEB_PORTS
from rulegen.site_profile import Threshold
from rulegen.spec import Reference, RuleSpec
from rulegen.vocabulary import SNORTS, SURICATAS, Engine, HostSide, Signal

_MAIL = "T1071.003"
_RFC5068 = Reference("url", "www.rfc-editor.org/rfc/rfc5068")
_SUBMISSION = Reference("url", "www.rfc-editor.org/rfc/rfc6409")
_SMTP = Reference("url", "www.rfc-editor.org/rfc/rfc5321")

_UNDECLARED = "a mail server that the site profile does not declare"
_MONITORING = "monitoring of external mail servers: always the same few servers"

_LOG_ONLY = MappingProxyType(
    dict.fromkeys(
        Engine,
        "a rule cannot tell whose mailbox a recipient is; eveproc can, from the smtp "
        "records of eve.json",
    )
)
_FORGETS = "Snort keeps no state about a host between connections"
_NOT_AFTER_MX = MappingProxyType(
    dict.fromkeys(SNORTS, f"{_FORGETS}, so it cannot tell whether a lookup came first")
)
_NOT_NEW = MappingProxyType(
    dict.fromkeys(
        SNORTS,
        f"{_FORGETS}, so it cannot tell new servers from a single provider that a host keeps "
        "retrying",
    )
)

DELIVERY = (
    RuleSpec(
        name="smtp_attempts",
        signal=Signal.SMTP_ATTEMPTS,
        offset=101,
        rev=2,
        msg="MXHOUND DELIVERY Many connection attempts to external mail servers",
        sees="many connection attempts (SYN) to port 25 of external hosts, including those that a "
        "firewall blocks",
        mistaken_for=(
            _UNDECLARED,
            _MONITORING,
            "one blocked device that keeps retrying its server: each attempt sends up to seven "
            "SYNs",
        ),
        next_step="Count the distinct servers: a mass mailer reaches dozens, an ordinary host "
        "fewer than five.",
        references=(_RFC5068,),
        technique=_MAIL,
        classtype="trojan-activity",
        threshold=Threshold(15, 60),
        threshold_source="More than twice the six SYNs that one blocked connection sends in 60 s; "
        "Emotet 2021 sent 82 in 60 s, office clients 2.",
        updated="2026_11_30",
    ),
    RuleSpec(
        name="smtp_slow",
        signal=Signal.SMTP_SLOW,
        offset=102,
        rev=2,
        msg="MXHOUND DELIVERY Connections to many new external mail servers",
        sees="connection attempts (SYN) within an hour to port 25 of distinct external hosts that "
        "did not answer this host in the last day",
        mistaken_for=(
            _UNDECLARED,
            "one blocked device that keeps retrying its server: each attempt sends up to seven "
            "SYNs",
        ),
        next_step="Count the distinct servers over some hours; one or two suggest a device that "
        "uses its own provider.",
        references=(_RFC5068,),
        technique=_MAIL,
        classtype="trojan-activity",
        threshold=Threshold(12, 3600),
        threshold_source="Detects a sender of 20 mails an hour where no logs are kept; office "
        "clients made at most 6 in 3600 s (a day of a real office).",
        not_on=_NOT_NEW,
        updated="2026_11_30",
    ),
    RuleSpec(
        name="submission_attempts",
        signal=Signal.SUBMISSION_ATTEMPTS,
        offset=103,
        rev=2,
        msg="MXHOUND DELIVERY Many connection attempts to external submission servers",
        sees="many connection attempts (SYN) to the submission ports of external hosts: mail sent "
        "through stolen accounts",
        mistaken_for=(
            "many people behind one address (guest network, NAT), each with their own provider",
            "a mail client whose provider has many addresses",
            "one blocked device that keeps retrying its server: each attempt sends up to seven "
            "SYNs",
            _MONITORING,
        ),
        next_step="Count the distinct servers and providers: a person uses one to four, a mass "
        "mailer dozens.",
        references=(_SUBMISSION,),
        technique=_MAIL,
        classtype="trojan-activity",
        threshold=Threshold(20, 300),
        threshold_source="Three blocked connections send 21 SYNs in 300 s; Emotet 2021 sent 402 "
        "in 300 s to ports 465 and 587; a slow mailer reached 19 distinct servers.",
        updated="2026_11_30",
    ),
    RuleSpec(
        name="smtp_sessions",
        signal=Signal.SMTP_SESSIONS,
        offset=104,
        rev=3,
        msg="MXHOUND DELIVERY Many SMTP sessions with external servers",
        sees="many SMTP sessions (HELO or EHLO) with external servers on any port except the "
        "submission ports, including sessions that are encrypted after STARTTLS",
        mistaken_for=(
            _UNDECLARED,
            _MONITORING,
            "a program that opens a session for each of its messages to one provider on port 25",
        ),
        next_step="Compare the servers, the HELO names and the senders of the sessions.",
        references=(_SMTP,),
        technique=_MAIL,
        classtype="trojan-activity",
        threshold=Threshold(10, 300),
        threshold_source="Office clients opened at most 3 in 300 s (a day of a real office); "
        "Emotet 2021 opened 89 in 300 s, 31 in 60 s.",
        misses=ON_WEB_PORTS,
        updated="2026_11_30",
    ),
    RuleSpec(
        name="mail_burst",
        signal=Signal.MAIL_BURST,
        offset=105,
        rev=3,
        msg="MXHOUND DELIVERY Many mails to external servers in a short time",
        sees="many cleartext MAIL FROM commands to external servers, in one or more sessions",
        mistaken_for=(
            _UNDECLARED,
            "a newsletter or application that sends through an external provider",
        ),
        next_step="Compare senders, recipients and subjects: similar mails to unrelated "
        "recipients are spam; one sender that writes to one list is not.",
        references=(_SMTP,),
        technique=_MAIL,
        classtype="trojan-activity",
        threshold=Threshold(10, 120),
        threshold_source="The threshold of Emerging Threats' rule 2000328, ten in 120 s, counted "
        "here once per mail and only where the server is external.",
        misses=ON_WEB_PORTS,
        updated="2026_11_30",
    ),
    RuleSpec(
        name="mx_then_smtp_mark",
        signal=Signal.MX_THEN_SMTP,
        offset=106,
        rev=3,
        msg="MXHOUND DELIVERY MX lookup noted",
        sees="one DNS query of type MX; this rule raises no alert, but marks the host for "
        "mx_then_smtp",
        mistaken_for=(),
        next_step="None: this rule raises no alert.",
        references=(_SMTP,),
        technique=_MAIL,
        classtype="misc-activity",
        threshold=None,
        threshold_source="A single query sets the mark: Whyte, van Oorschot, Kranakis 2006 detect "
        "within one mailing attempt.",
        only_for=SURICATAS,
        misses=NOT_PORT_53,
        updated="2026_11_28",
    ),
    RuleSpec(
        name="mx_then_smtp",
        signal=Signal.MX_THEN_SMTP,
        offset=107,
        rev=2,
        msg="MXHOUND DELIVERY MX lookups followed by connections to external mail servers",
        sees="connection attempts (SYN) to port 25 of external hosts by a host that queried an MX "
        "record in the last ten minutes",
        mistaken_for=(
            _UNDECLARED,
            "an administrator who looks up a mail server and tests it by hand",
        ),
        next_step="Check what it sent: a host that looks up mail servers and delivers to them "
        "acts as a mail server.",
        references=(_SMTP,),
        technique=_MAIL,
        classtype="trojan-activity",
        threshold=Threshold(8, 300),
        threshold_source="One more than the seven SYNs that a single blocked connection sends.",
        not_on=_NOT_AFTER_MX,
        updated="2026_11_30",
    ),
    RuleSpec(
        name="takes_mail_mark",
        signal=Signal.SMTP_SLOW,
        offset=108,
        rev=1,
        msg="MXHOUND DELIVERY Host takes mail in",
        sees="a home host that greets an SMTP client; this rule raises no alert, but suppresses "
        "mx_slow, smtp_slow, smtp_very_slow and smtp_rejects for the host for a day",
        mistaken_for=(),
        next_step="None: this rule raises no alert.",
        references=(_SMTP,),
        technique=_MAIL,
        classtype="misc-activity",
        threshold=None,
        threshold_source="An undeclared mail server sends at the rate of a slow mass mailer, but "
        "also receives mail (Matsuba, Musashi 2004 distinguish the two); its floods still "
        "raise alerts.",
        only_for=SURICATAS,
    ),
    RuleSpec(
        name="met_mark",
        signal=Signal.SMTP_SLOW,
        offset=109,
        rev=2,
        msg="MXHOUND DELIVERY External mail server answered",
        sees="an external host's answer (SYN, ACK) from a mail port; this rule raises no alert, "
        "but lets the slow rules count each server once a day",
        mistaken_for=(),
        next_step="None: this rule raises no alert.",
        references=(_SMTP,),
        technique=_MAIL,
        classtype="misc-activity",
        threshold=None,
        threshold_source="A day, so that the servers of a user's own providers count once.",
        host_side=HostSide.DESTINATION,
        only_for=SURICATAS,
        updated="2026_11_30",
    ),
    RuleSpec(
        name="submission_slow",
        signal=Signal.SUBMISSION_SLOW,
        offset=110,
        rev=2,
        msg="MXHOUND DELIVERY Connections to many new external submission servers",
        sees="connection attempts (SYN) within an hour to the submission ports of distinct "
        "external hosts "
        "that did not answer this host in the last day",
        mistaken_for=(
            "many people behind one address, in the first hour of the day",
            "a mail client whose provider has many addresses",
        ),
        next_step="Count the distinct servers over some hours; a person has few accounts, and "
        "their servers do not change.",
        references=(_SUBMISSION,),
        technique=_MAIL,
        classtype="trojan-activity",
        threshold=Threshold(12, 3600),
        threshold_source="As for smtp_slow; the slow sender of a public capture contacted 71 "
        "servers in 55 minutes.",
        not_on=_NOT_NEW,
        updated="2026_11_30",
    ),
    RuleSpec(
        name="recipient_spread",
        signal=Signal.RECIPIENT_SPREAD,
        offset=111,
        rev=1,
        msg="MXHOUND DELIVERY Mails to many mailboxes at few providers",
        sees="mails to many mailboxes of other people, delivered directly to the mail exchangers "
        "of their providers",
        mistaken_for=(
            _UNDECLARED,
            "a program that sends mail to customers of one large provider without a relay",
        ),
        next_step="Read one of the mails; ask the owner whether the mailing was intended.",
        references=(_SMTP,),
        technique=_MAIL,
        classtype="trojan-activity",
        threshold=Threshold(25, 3600),
        threshold_source="A host that is not a mail server delivers directly to a few mailboxes "
        "only, for alerts and scans.",
        not_on=_LOG_ONLY,
    ),
    RuleSpec(
        name="relay_spread",
        signal=Signal.RELAY_SPREAD,
        offset=112,
        rev=1,
        msg="MXHOUND DELIVERY Mails to many domains through the own relay",
        sees="mails from one host to recipients in many domains, sent through the site's own mail "
        "server, with executable attachments or many recipients refused",
        mistaken_for=("a mailing to an old list of addresses", _UNDECLARED),
        next_step="Lock the account or the host's access to the relay, then read one of the mails "
        "in its queue.",
        references=(_SUBMISSION,),
        technique=_MAIL,
        classtype="trojan-activity",
        threshold=Threshold(40, 3600),
        threshold_source="A person writes to fewer domains within an hour; few recipients of a "
        "mailing are refused.",
        not_on=_LOG_ONLY,
    ),
    RuleSpec(
        name="smtp_very_slow",
        signal=Signal.SMTP_VERY_SLOW,
        offset=113,
        rev=1,
        msg="MXHOUND DELIVERY Connections to many new external mail servers over hours",
        sees="connection attempts (SYN) within eight hours to port 25 of distinct external hosts "
        "that this host did not try in the last day",
        mistaken_for=(
            _UNDECLARED,
            "a program that delivers mail directly: newsletters, invoices, reports",
        ),
        next_step="Count the distinct servers over a day; a program that delivers to the same "
        "partners contacts no new ones on the next day.",
        references=(_RFC5068,),
        technique=_MAIL,
        classtype="trojan-activity",
        threshold=Threshold(12, 28800),
        threshold_source="Detects a sender of 6 mails an hour, which contacts at most 48 servers "
        "in 8 h, where no logs are kept. Each server counts once a day: a file server that "
        "notifies nine partners stays below the threshold.",
        not_on=_NOT_NEW,
    ),
)

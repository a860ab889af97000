"""Nothing -> verdicts and a report to write down, with text a hostile host could choose."""

from msgspec.structs import replace

from eveproc.input.read_stats import ReadStats
from eveproc.verdicts.analyze import Report
from eveproc.verdicts.verdict import EvidenceItem, Identity, Verdict
from rulegen.vocabulary import Family, Level, Signal

START = 1_709_287_200.25  # 2024-03-01T10:00:00.250000Z
# ESC, bell, a right-to-left override, line ends, a line separator, a zero-width joiner: all a
# terminal or a reader could be fooled by.
HOSTILE = "a\x1b[2J\x07\u202eb\r\nc\u2028d\u200de"

ITEM = EvidenceItem(
    signal=Signal.SMTP_ATTEMPTS,
    family=Family.DELIVERY,
    source="log",
    count=312,
    distinct=241,
    first_seen=START,
    last_seen=START + 300,
    sids=(1250002, 1250010),
    flow_ids=(7, 9),
    fact="Opened SMTP connections to 241 outside servers (312 times).",
    looks_like="Also seen of: a mail server.",
    weight=4.5,
)
INFECTED = Verdict(
    host="10.20.1.7",
    level=Level.INFECTED,
    score=0.9987,
    decided_at=START + 60,
    first_seen=START,
    last_seen=START + 300,
    families=(Family.LOOKUP, Family.DELIVERY),
    evidence=(ITEM,),
    identity=Identity("02:00:00:00:00:11", "laptop-7", ("10.20.1.7", "10.20.1.9")),
    why="Opened SMTP connections to 241 outside servers; lookup and delivery agree.",
    next_step="Take it off the network.",
)
SUSPECTED = Verdict(
    host="2001:db8:20::9",
    level=Level.SUSPECTED,
    score=0.5,
    decided_at=START + 86_400,
    first_seen=START,
    last_seen=START + 90_000,
    families=(),
    evidence=(),
    identity=Identity("02:00:00:00:00:12", HOSTILE, ()),
    why=HOSTILE,
    next_step="=HYPERLINK(1)",
)
# A host that was seen and gave no evidence: no time is known of it.
CLEAN = Verdict(
    host="10.20.1.8",
    level=Level.CLEAN,
    score=0.0,
    decided_at=None,
    first_seen=float("inf"),
    last_seen=float("-inf"),
    families=(),
    evidence=(),
    identity=None,
    why="Nothing of a mass mailer was seen.",
    next_step="",
)
VERDICTS = (INFECTED, SUSPECTED, CLEAN)


def a_report(*verdicts: Verdict, events: bool = True, **fields: object) -> Report:
    """A report on the verdicts; `fields` replace its others."""
    first, last = (START, START + 90_000) if events else (None, None)
    clean = sum(verdict.level is Level.CLEAN for verdict in verdicts)
    report = Report(
        verdicts, clean, stats=ReadStats(), health=(), unused={}, first_event=first, last_event=last
    )
    return replace(report, **fields)

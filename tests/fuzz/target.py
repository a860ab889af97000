"""Any bytes -> read, decoded, judged and reported without an exception, every line accounted for;
else an error is raised."""

import os
from datetime import UTC, datetime
from ipaddress import ip_address

from eveproc.evidence.collector import Collector
from eveproc.evidence.store import EvidenceStore
from eveproc.input.decode import decode
from eveproc.input.events import MAX_DETAIL, YEARS, Event, Skipped
from eveproc.input.read_stats import ReadStats
from eveproc.input.reader import read_events
from eveproc.input.session_times import with_session_times
from eveproc.report import FORMATS, reading_stats
from eveproc.verdicts.analyze import gather_evidence, judge_evidence
from rulegen.site_profile import build_profile
from rulegen.yamlfile import parse_yaml
from tests.eveproc.evidence_of import without_coverage

SITE = 'home_networks: [10.20.0.0/16, "2001:db8:20::/48"]\nmail_servers: [10.20.0.25]\nresolvers: [10.20.0.53]\n'
ADDRESSES = ("client", "server", "src_ip", "dest_ip", "flow_src", "address")
DAY = 86_400
# A page's charts take a second; tests/eveproc/report/test_html_report.py puts any text into one.
DRAWN = frozenset(("html",))

_PROFILE = build_profile(parse_yaml(SITE, "site.yaml"))


class Target:
    """Takes the bytes as a line, and as a file of any framing.

    The file is one in memory: opening one on a disk takes longer than all else.
    """

    def __init__(self) -> None:
        self._file = os.memfd_create("eve.json")
        self._path = f"/dev/fd/{self._file}"

    def __call__(self, data: bytes) -> None:
        check_line(data)
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, data, 0)
        store, stats = gather_evidence([self._path], _PROFILE)
        assert stats.lines == stats.events.total() + stats.skipped.total(), (
            "a line is not accounted for"
        )
        self._check_selection(store)
        report = judge_evidence(store, _PROFILE, stats)
        for form in sorted(FORMATS.keys() - DRAWN):
            FORMATS[form](report, report.verdicts).encode()
        reading_stats.render(report).encode()
        reading_stats.render_json(report).encode()

    def _check_selection(self, store: EvidenceStore) -> None:
        """The lines that were passed over would have added nothing."""
        plain, stats = Collector(_PROFILE), ReadStats()
        for event in with_session_times(read_events([self._path], stats)):
            plain.add(event)
        assert stats.lines or stats.problems, "nothing was read and nobody was told"
        store.trim()
        plain.store.trim()
        assert without_coverage(store) == without_coverage(plain.store), (
            "the selected lines tell something else than all lines do"
        )


def check_line(data: bytes) -> None:
    """One line gives an event that is what its type promises, or a reason."""
    match decode(data):
        case Skipped(reason, detail):
            assert len(detail) <= MAX_DETAIL, reason
        case event:
            _check_event(event)


def _check_event(event: Event) -> None:
    # A zone may move the first and the last year by a day.
    assert {datetime.fromtimestamp(event.time + shift, UTC).year for shift in (-DAY, DAY)} & set(
        YEARS
    ), event
    for field in ADDRESSES:
        address = getattr(event, field, "")
        assert not address or str(ip_address(address)) == address, event

"""Any bytes -> read, decoded, judged and reported without an exception, every line accounted for; else an error is raised."""

import os
from datetime import UTC, datetime
from ipaddress import ip_address

from eveproc.events import MAX_DETAIL, YEARS, Event, Skipped, decode
from eveproc.evidence import Collector, NightEvidence
from eveproc.night import gather_night, report_on
from eveproc.reading.reader import read_events
from eveproc.reading.stats import ReadStats
from eveproc.report import FORMATS, reading
from rulegen.site import build_profile
from rulegen.yamlfile import parse_yaml

SITE = 'home_networks: [10.20.0.0/16, "2001:db8:20::/48"]\nmail_servers: [10.20.0.25]\nresolvers: [10.20.0.53]\n'
ADDRESSES = ("client", "server", "src_ip", "dest_ip", "flow_src", "address")
DAY = 86_400
# A page's charts take a second; tests/eveproc/test_report_html.py puts any text into one.
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
        night, stats = gather_night([self._path], _PROFILE)
        assert stats.lines == stats.events.total() + stats.skipped.total(), "a line is not accounted for"
        self._check_selection(night)
        report = report_on(night, _PROFILE, stats)
        for form in sorted(FORMATS.keys() - DRAWN):
            FORMATS[form](report, report.verdicts).encode()
        reading.render(report).encode()
        reading.render_json(report).encode()

    def _check_selection(self, night: NightEvidence) -> None:
        """The lines that were passed over would have added nothing."""
        plain, stats = Collector(_PROFILE), ReadStats()
        for event in read_events([self._path], stats):
            plain.add(event)
        assert stats.lines or stats.problems, "nothing was read and nobody was told"
        night.trim()
        plain.night.trim()
        assert night == plain.night, "the selected lines tell something else than all lines do"


def check_line(data: bytes) -> None:
    """One line gives an event that is what its type promises, or a reason."""
    match decode(data):
        case Skipped(reason, detail):
            assert len(detail) <= MAX_DETAIL, reason
        case event:
            _check_event(event)


def _check_event(event: Event) -> None:
    # A zone may move the first and the last year by a day.
    assert {datetime.fromtimestamp(event.time + shift, UTC).year for shift in (-DAY, DAY)} & set(YEARS), event
    for field in ADDRESSES:
        address = getattr(event, field, "")
        assert not address or str(ip_address(address)) == address, event

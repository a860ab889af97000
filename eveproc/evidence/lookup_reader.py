"""An Asker -> LookupsSeen: all that one host's lookups show, in rows for each activity.

What a record shows is worked out once for all that say the same; of each there is left the time and
the mark. It is what Collector.add finds of each event.
"""

from collections import defaultdict
from collections.abc import Callable
from functools import lru_cache
from math import inf

from msgspec import Struct, field

from eveproc.evidence.sketch import BITS_64, mark_of, spread
from eveproc.evidence.told import asks_for_mail_server, told
from eveproc.input.events import Dns
from eveproc.input.lookups import MOST_KNOWN, Answered, Asker
from eveproc.signals.observation import ObservationRow
from eveproc.signals.records import DnsService, Question, RecordReader
from eveproc.signals.registry import Activity

_Pairs = tuple[tuple[str, str], ...]


class LookupsSeen(Struct):
    """What counts of the lookups of one host at one server.

    `rows` by the host that they are about and activity. `named`: (name, address) of external
    servers with the last time. `times` and `times_named`: those of records with rows, and with
    names.
    """

    rows: list[tuple[str, Activity, list[ObservationRow]]] = field(default_factory=list)
    named: dict[tuple[str, str], float] = field(default_factory=dict)
    times: list[float] = field(default_factory=list)
    times_named: list[float] = field(default_factory=list)


class _Meaning(Struct, frozen=True):
    """What a record shows, whoever asks whom.

    `asked`: activities of a home host that asks so, by number, each with key and mark (of all query
    ids). `served`: activities of a home host that answers. `named`: do its addresses tell names of
    mail servers?
    """

    asked: tuple[tuple[int, str, int], ...]
    served: tuple[int, ...]
    named: bool


class LookupReader:
    """Reads what lookups show, as a RecordReader does of each."""

    def __init__(self, records: RecordReader) -> None:
        self._records = records
        self._meanings: dict[Answered, _Meaning] = {}
        self._kinds: list[Activity] = []
        self._external = _external_test(records.is_home)

    def read(self, asker: Asker) -> LookupsSeen:
        """All that the host asked since it was read last."""
        seen = LookupsSeen()
        self._read_rows(asker, seen)
        self._read_names(asker, seen)
        return seen

    def _read_rows(self, asker: Asker, seen: LookupsSeen) -> None:
        client, server = asker.client, asker.server
        asked = defaultdict[int, list[ObservationRow]](list)
        served = defaultdict[int, list[ObservationRow]](list)
        is_client, is_server = self._records.is_home(client), server not in ("", client)
        of_client, meanings = mark_of((client, client)), self._meanings
        for answered, time, port, query_id, flow_id, community_id, _, _ in asker.asked:
            meaning = meanings.get(answered) or self._meaning(answered)
            number = spread(port << 16 | query_id)
            told_of_client = meaning.asked if is_client else ()
            told_of_server = meaning.served if is_server else ()
            for kind, key, base in told_of_client:
                mark = (base + number) & BITS_64
                asked[kind].append((time, key, mark, flow_id, community_id, port))
            for kind in told_of_server:
                served[kind].append((time, client, of_client, flow_id, community_id, port))
            if told_of_client or told_of_server:
                seen.times.append(time)
        seen.rows += ((client, self._kinds[kind], rows) for kind, rows in asked.items())
        seen.rows += ((server, self._kinds[kind], rows) for kind, rows in served.items())

    def _read_names(self, asker: Asker, seen: LookupsSeen) -> None:
        named = seen.named
        for answered, time, *_, addresses, _ in asker.asked:
            if addresses and self._meaning(answered).named:
                for pair in self._external(addresses):
                    seen.times_named.append(time)
                    if time > named.get(pair, -inf):
                        named[pair] = time

    def _meaning(self, answered: Answered) -> _Meaning:
        known = self._meanings.get(answered)
        if known is None:
            if len(self._meanings) >= MOST_KNOWN:
                self._meanings.clear()
            known = self._meanings[answered] = self._meaning_of(answered.event)
        return known

    def _meaning_of(self, event: Dns) -> _Meaning:
        questions = self._records.questions(event)
        asked = tuple(
            (self._number_of(kind), key, mark_of((key, name, rrtype)))
            for name, rrtype in questions
            for kind, key in told(Question(event, event.client, name, rrtype))
        )
        service = DnsService(event, event.server, questions)
        is_answer = bool(questions) and event.is_answer
        served = tuple(self._number_of(kind) for kind, _ in told(service)) if is_answer else ()
        return _Meaning(asked, served, asks_for_mail_server(event))

    def _number_of(self, kind: Activity) -> int:
        if kind not in self._kinds:
            self._kinds.append(kind)
        return self._kinds.index(kind)


def _external_test(is_home: Callable[[str], bool]) -> Callable[[_Pairs], _Pairs]:
    @lru_cache(maxsize=1 << 14)
    def external(pairs: _Pairs) -> _Pairs:
        return tuple(pair for pair in pairs if not is_home(pair[1]))

    return external

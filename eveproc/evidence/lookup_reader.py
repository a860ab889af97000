"""An Asker -> an ActivitySketch for each activity that the lookups of one host show.

The meaning of a record is computed once for all records with the same content; only time and mark
are read from each. The result is the same as that of Collector.add for each event.
"""

from collections import defaultdict
from collections.abc import Iterator

from msgspec import Struct

from eveproc.evidence.activities import activities_of
from eveproc.evidence.sketch import BITS_64, ActivitySketch, ManyEvents, mark_of, spread
from eveproc.input.events import Dns
from eveproc.input.lookups import MOST_KNOWN, Answered, Asker
from eveproc.signals.records import DnsService, Question, RecordReader
from eveproc.signals.registry import Activity


class _Meaning(Struct, frozen=True):
    """The meaning of a record, whoever asks whom.

    `asked`: activities of a home host that asks this, by number, each with key and mark (for all
    query ids). `served`: activities of a home host that answers.
    """

    asked: tuple[tuple[int, str, int], ...]
    served: tuple[int, ...]


class LookupReader:
    """Reads the meaning of lookups, as a RecordReader does for single events."""

    def __init__(self, records: RecordReader) -> None:
        self._records = records
        self._meanings: dict[Answered, _Meaning] = {}
        # Activities by number: as keys of a dict they take ten times as long.
        self._kinds: list[Activity] = []

    def read(self, asker: Asker) -> list[tuple[str, Activity, ActivitySketch]]:
        """The sketches of all lookups of one host, each with its host and activity."""
        client, server = asker.client, asker.server
        is_client, is_server = self._roles(asker)
        of_client, meanings = mark_of((client, client)), self._meanings
        asked = defaultdict[int, ManyEvents](ManyEvents)
        served = defaultdict[int, ManyEvents](ManyEvents)
        for answered, time, port, query_id, flow_id, community_id, _, _ in asker.asked:
            meaning = meanings.get(answered) or self._meaning(answered)
            number = spread(port << 16 | query_id)
            for kind, key, base in meaning.asked if is_client else ():
                asked[kind].note(time, key, base + number & BITS_64, flow_id, community_id, port)
            for kind in meaning.served if is_server else ():
                served[kind].note(time, client, of_client, flow_id, community_id, port)
        return [
            (host, self._kinds[kind], events.sketch())
            for host, found in ((client, asked), (server, served))
            for kind, events in found.items()
        ]

    def times(self, asker: Asker) -> Iterator[float]:
        """The times of all lookups in the sketches."""
        is_client, is_server = self._roles(asker)
        for answered, time, *_ in asker.asked:
            meaning = self._meaning(answered)
            if (is_client and meaning.asked) or (is_server and meaning.served):
                yield time

    def _roles(self, asker: Asker) -> tuple[bool, bool]:
        """Whether the client's questions count, and whether the server's answers do."""
        return self._records.is_home(asker.client), asker.server not in ("", asker.client)

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
            for kind, key in activities_of(Question(event, event.client, name, rrtype))
        )
        service = DnsService(event, event.server, questions)
        is_answer = bool(questions) and event.is_answer
        served = (
            tuple(self._number_of(kind) for kind, _ in activities_of(service)) if is_answer else ()
        )
        return _Meaning(asked, served)

    def _number_of(self, kind: Activity) -> int:
        if kind not in self._kinds:
            self._kinds.append(kind)
        return self._kinds.index(kind)

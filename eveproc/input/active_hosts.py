"""Flows in blocks of EVE, undecoded -> the hosts that opened them, noted as present.

Each host's flows are decoded until one shows it.

An ordinary TCP flow shows only that a host exists and that flows are logged. There are very many
flows and few hosts, so the only question asked of every flow is whether its address was met before.
A flow's record must not hold another `src_ip` between its own and its flags.
"""

from collections.abc import Sequence

from eveproc.input.addresses import canonical_address
from eveproc.input.collecting import Collecting, Store
from eveproc.input.decode import tcp_client
from eveproc.input.events import Flow
from eveproc.input.prefilter import Flows
from eveproc.input.read_stats import ReadStats
from eveproc.input.reader import LineReader
from eveproc.input.sources import MAX_LINE

# Number of addresses that are recognized at once; others take a little longer.
ADDRESSES_KEPT = 1 << 18

NEWLINE = b"\n"


class ActiveHosts:
    """Tells a collector which home hosts opened TCP connections."""

    def __init__(self, collector: Collecting[Store]) -> None:
        self._collector = collector
        # Addresses of home hosts that were noted, and of all other hosts, as they are written.
        self._met: set[bytes] = set()
        # Statistics of its own: other readers look at the same lines, too.
        self._lines = LineReader(ReadStats)

    def note(self, flows: Flows) -> None:
        """Note the hosts that opened the flows of a block."""
        block, places, quote = flows.block, flows.places, flows.quote
        if not self._collector.store.flows_logged:
            self._note_first(block, places)
        rfind, find, met = block.rfind, block.find, self._met
        before = b'"src_ip":"'.replace(b'"', quote)
        value = len(before)
        # The last address before the place: a line may hold other records, whose addresses come
        # first.
        clients = [
            block[
                (at := rfind(before, rfind(NEWLINE, 0, place) + 1, place)) : find(quote, at + value)
            ]
            for place in places
        ]
        if not met.issuperset(clients):
            for place, client in zip(places, clients, strict=True):
                if client not in met and self._meet(client, before, block, place):
                    met.add(client)
        if len(met) > ADDRESSES_KEPT:
            met.clear()

    def _note_first(self, block: bytes, places: Sequence[int]) -> None:
        """Whoever opened it, a flow shows that flows are logged."""
        for place in places:
            self._decode(_line_at(block, place))
            if self._collector.store.flows_logged:
                return

    def _meet(self, client: bytes, before: bytes, block: bytes, place: int) -> bool:
        """True if another flow of this client tells nothing new."""
        if not client.startswith(before):  # not where Suricata writes the address
            self._decode(_line_at(block, place))
            return False
        address, store = (
            canonical_address(client[len(before) :].decode("ascii", "replace")),
            self._collector.store,
        )
        if store.knows(address) or not self._collector.is_home(address):
            return True
        line = _line_at(block, place)
        if len(line) <= MAX_LINE and tcp_client(line) == address:
            store.note_active(address)
            return True
        self._decode(line)
        return store.knows(address)

    def _decode(self, line: bytes) -> None:
        for flow in self._lines.line(line):
            if isinstance(flow, Flow):
                self._collector.note_presence(flow)


def _line_at(block: bytes, place: int) -> bytes:
    end = block.find(NEWLINE, place)
    return block[block.rfind(NEWLINE, 0, place) + 1 : end if end >= 0 else len(block)]

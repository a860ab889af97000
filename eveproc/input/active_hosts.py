"""Flows in blocks of EVE, undecoded -> the hosts that opened them, noted as present; each host's flows are decoded until one shows it.

An ordinary TCP flow is evidence only in that it shows a host, and that flows are logged. There are
very many of them, and few hosts: what is asked of every flow is only whether its address was met.
Not provided for is another `src_ip` in a flow's record ahead of its own.
"""

from eveproc.input.addresses import canonical_address
from eveproc.input.collecting import Collecting, Store
from eveproc.input.decode import tcp_client
from eveproc.input.events import Flow
from eveproc.input.reader import line_result
from eveproc.input.sources import MAX_LINE

# How many addresses are kept to be known again at once; the others take a little longer.
ADDRESSES_KEPT = 1 << 18

NEWLINE, QUOTE, CLIENT = b"\n", b'"', b'"src_ip":"'
VALUE = len(CLIENT)
# Suricata writes more than this before it in a line; not to look there saves a fourth of the time.
# Where nothing is found, all is decoded.
BEFORE = len('{"timestamp":"2026-03-02T00:00:00.000000+0000","flow_id":1,')


class ActiveHosts:
    """Tells a collector which home hosts opened TCP connections."""

    def __init__(self, collector: Collecting[Store]) -> None:
        self._collector = collector
        # Of home hosts that were noted, and of everybody else, as they are written.
        self._met: set[bytes] = set()

    def note(self, block: bytes, places: list[int]) -> None:
        """Take in the flows of a block: of each a place that is in its line, behind its client."""
        if not self._collector.store.flows_logged:
            self._note_first(block, places)
        rfind, find, met = block.rfind, block.find, self._met
        clients = [
            block[
                (at := find(CLIENT, rfind(NEWLINE, 0, place) + BEFORE, place)) : find(
                    QUOTE, at + VALUE
                )
            ]
            for place in places
        ]
        if not met.issuperset(clients):
            for place, client in zip(places, clients, strict=True):
                if client not in met and self._meet(client, block, place):
                    met.add(client)
        if len(met) > ADDRESSES_KEPT:
            met.clear()

    def _note_first(self, block: bytes, places: list[int]) -> None:
        """Whoever opened it, a flow shows that flows are logged."""
        for place in places:
            self._decode(_line_at(block, place))
            if self._collector.store.flows_logged:
                return

    def _meet(self, client: bytes, block: bytes, place: int) -> bool:
        """Will another flow of this client tell nothing new?"""
        if not client.startswith(CLIENT):  # not where Suricata writes it
            self._decode(_line_at(block, place))
            return False
        address, store = (
            canonical_address(client[VALUE:].decode("ascii", "replace")),
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
        flow = line_result(line)
        if isinstance(flow, Flow):
            self._collector.note_presence(flow)


def _line_at(block: bytes, place: int) -> bytes:
    end = block.find(NEWLINE, place)
    return block[block.rfind(NEWLINE, 0, place) + 1 : end if end >= 0 else len(block)]

"""Flows in blocks of EVE, undecoded -> the hosts that opened them, noted as present; each host's flows are decoded until one shows it.

An ordinary TCP flow is evidence only in that it shows a host, and that flows are logged. There are very many of them, and few hosts:
what is asked of every flow is only whether its address was met.
"""

from eveproc.events import Flow, canonical_address, tcp_client
from eveproc.evidence import Collector
from eveproc.reading.reader import line_result
from eveproc.reading.sources import MAX_LINE

# How many addresses are kept to be known again at once; the others take a little longer.
ADDRESSES_KEPT = 1 << 18

NEWLINE, QUOTE, CLIENT = b"\n", b'"', b'"src_ip":"'
VALUE = len(CLIENT)


class Presence:
    """Tells a collector which home hosts opened TCP connections."""

    def __init__(self, collector: Collector) -> None:
        self._collector = collector
        # Of home hosts that were noted, and of everybody else, as they are written.
        self._met: set[bytes] = set()

    def note(self, block: bytes, places: list[int]) -> None:
        """Take in the flows of a block: of each a place that is in its line, behind its client."""
        if not self._collector.night.flows_logged:
            self._note_first(block, places)
        rfind, find, met = block.rfind, block.find, self._met
        clients = [block[(at := find(CLIENT, rfind(NEWLINE, 0, place) + 1, place)) : find(QUOTE, at + VALUE)] for place in places]
        if not met.issuperset(clients):
            for place, client in zip(places, clients, strict=True):
                if client not in met:
                    self._meet(client, _line_at(block, place))

    def _note_first(self, block: bytes, places: list[int]) -> None:
        """Whoever opened it, a flow shows that flows are logged."""
        for place in places:
            self._look(_line_at(block, place))
            if self._collector.night.flows_logged:
                return

    def _meet(self, client: bytes, line: bytes) -> None:
        if not self._is_known(client):
            self._look(line)
            if not self._is_known(client):
                return
        if len(self._met) >= ADDRESSES_KEPT:
            self._met.clear()
        self._met.add(client)

    def _is_known(self, client: bytes) -> bool:
        """Would a flow of this client tell nothing new? What was not found where Suricata writes it is looked at each time."""
        if not client.startswith(CLIENT):
            return False
        address = canonical_address(client[VALUE:].decode("ascii", "replace"))
        return not self._collector.is_home(address) or self._collector.night.knows(address)

    def _look(self, line: bytes) -> None:
        client = tcp_client(line) if len(line) <= MAX_LINE else ""
        if client:
            self._collector.note_client(client)
        else:
            flow = line_result(line)
            if isinstance(flow, Flow):
                self._collector.note_presence(flow)


def _line_at(block: bytes, place: int) -> bytes:
    end = block.find(NEWLINE, place)
    return block[block.rfind(NEWLINE, 0, place) + 1 : end if end >= 0 else len(block)]

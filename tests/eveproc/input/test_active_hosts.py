"""Undecoded flows -> the hosts that decoding every line shows, although few lines are decoded."""

from random import Random

import pytest

from eveproc.evidence.collector import Collector
from eveproc.input import active_hosts
from eveproc.input.active_hosts import ActiveHosts
from eveproc.input.decode import decode, tcp_client
from eveproc.input.events import Flow
from eveproc.input.prefilter import Flows
from tests.eveproc.input.test_prefilter import SITES, lines_of_every_kind, written_somehow

OUTSIDE = "198.51.100.7"


def line(
    client: str, *, ts: str = "1b", tc: str = "1b", server: str = OUTSIDE, proto: str = "TCP"
) -> bytes:
    return (
        f'{{"timestamp":"2026-03-01T10:00:00.0+0000","event_type":"flow","src_ip":"{client}","src_port":50000,"dest_ip":"{server}",'
        f'"dest_port":443,"proto":"{proto}","flow":{{}},"tcp":{{"tcp_flags_ts":"{ts}","tcp_flags_tc":"{tc}"}}}}\n'
    ).encode()


def noted(*lines: bytes) -> Collector:
    collector = Collector(SITES[0])
    block = b"".join(lines)
    ActiveHosts(collector).note(
        Flows(
            block,
            [
                block.find(b"tcp_flags_tc", end - len(line))
                for line, end in zip(lines, ends(lines), strict=True)
            ],
        ),
    )
    return collector


def ends(lines: tuple[bytes, ...]) -> list[int]:
    return [sum(map(len, lines[: number + 1])) for number in range(len(lines))]


def test_home_hosts_that_opened_a_connection() -> None:
    store = noted(
        line("10.20.70.9"),
        line(OUTSIDE),
        line("2001:0db8:0020:0000:0000:0000:0000:0009"),
        line("10.20.70.10", tc=""),
    ).store
    assert store.active == {"10.20.70.9", "2001:db8:20::9"}


def test_a_strangers_flow_shows_that_flows_are_logged() -> None:
    assert noted(line(OUTSIDE)).store.flows_logged
    assert not noted(line(OUTSIDE, ts="")).store.flows_logged


def test_a_flow_that_shows_nothing_leaves_its_client_to_the_next() -> None:
    assert noted(
        line("10.20.70.9", server="here"), line("10.20.70.9", proto="UDP"), line("10.20.70.9")
    ).store.active == {"10.20.70.9"}


def test_a_client_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = []
    monkeypatch.setattr(
        active_hosts, "tcp_client", lambda line: looked.append(line) or tcp_client(line)
    )
    assert noted(*[line(OUTSIDE), line("10.20.70.9")] * 20).store.active == {"10.20.70.9"}
    assert len(looked) == 1


def test_more_clients_than_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(active_hosts, "ADDRESSES_KEPT", 2)
    assert len(noted(*[line(f"10.20.70.{number}") for number in range(9)] * 2).store.active) == 9


def test_the_short_way_says_what_decoding_says() -> None:
    random = Random(1)
    pool = [line for line in lines_of_every_kind() if b"tcp_flags_ts" in line]
    short = 0
    for line in (written_somehow(random.choice(pool), random) for _ in range(5_000)):
        client, event = tcp_client(line), decode(line.strip())
        if client:
            short += 1
            assert isinstance(event, Flow)
            assert (event.client, event.proto, event.flags_logged) == (client, "TCP", True)
    assert short > 2_000

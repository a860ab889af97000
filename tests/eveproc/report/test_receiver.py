"""Messages -> real local sockets that accept, refuse or disconnect: all arrive, or the loss is
reported.
"""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from eveproc.cli import main
from eveproc.report import receiver
from eveproc.report.receiver import Receiver, is_receiver, receiver_of
from rulegen.errors import MxhoundError
from tests.eveproc.office import write

MESSAGES = ("<130>1 - - a - b - one\N{LATIN SMALL LETTER E WITH ACUTE}", "", "three\nfour")


def all_of(connection: socket.socket) -> bytes:
    received = b""
    while more := connection.recv(7):
        received += more
    return received


@contextmanager
def listening(
    take: Callable[[socket.socket], bytes], path: Path | None = None, host: str = "127.0.0.1"
) -> Iterator[tuple[str, list[bytes]]]:
    """A server of streams for one connection: its name for -o, and what it received, once it is
    done."""
    family = socket.AF_UNIX if path else socket.AF_INET6 if ":" in host else socket.AF_INET
    received: list[bytes] = []
    with socket.socket(family) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        server.bind(str(path) if path else (host, 0))
        server.listen()
        server.settimeout(10)

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                received.append(take(connection))

        thread = threading.Thread(target=serve)
        thread.start()
        shown = f"[{host}]" if ":" in host else host
        yield f"unix:{path}" if path else f"tcp://{shown}:{server.getsockname()[1]}", received
        thread.join()


def counted(content: bytes) -> Iterator[bytes]:
    """What a receiver takes out of a stream (RFC 6587, 3.4.1)."""
    while content:
        length, _, rest = content.partition(b" ")
        yield rest[: int(length)]
        content = rest[int(length) :]


@pytest.mark.parametrize("kind", ["tcp", "tcp6", "unix"])
def test_a_stream_gets_every_message_behind_its_length(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "log" if kind == "unix" else None
    with listening(all_of, path, "::1" if kind == "tcp6" else "127.0.0.1") as (name, received):
        receiver_of(name).send(MESSAGES)
    assert [one.decode() for one in counted(received[0])] == list(MESSAGES)
    assert received[0].startswith(b"24 <130>1 - - a - b - one\xc3\xa90 10 three")


@pytest.mark.parametrize("kind", ["udp", "unixgram"])
def test_a_datagram_holds_one_message(kind: str, tmp_path: Path) -> None:
    is_udp = kind == "udp"
    with socket.socket(socket.AF_INET if is_udp else socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0) if is_udp else str(tmp_path / "log"))
        server.settimeout(10)
        port = server.getsockname()[1] if is_udp else 0
        name = f"udp://127.0.0.1:{port}" if is_udp else f"unixgram:{tmp_path / 'log'}"
        receiver_of(name).send(MESSAGES)
        assert [server.recv(1000).decode() for _ in MESSAGES] == list(MESSAGES)


def test_a_name_is_looked_up() -> None:
    with listening(all_of) as (name, received):
        receiver_of(name.replace("127.0.0.1", "localhost")).send(MESSAGES[:1])
    assert len(received[0]) == 27


def a_closed_port(kind: int) -> int:
    with socket.socket(socket.AF_INET, kind) as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


def test_where_nobody_listens_nothing_is_sent(tmp_path: Path) -> None:
    name = f"tcp://127.0.0.1:{a_closed_port(socket.SOCK_STREAM)}"
    refused = rf"{name}: cannot be sent to: Connection refused; nothing was sent"
    with pytest.raises(MxhoundError, match=refused):
        receiver_of(name).send(MESSAGES)
    with pytest.raises(MxhoundError, match=r"No such file or directory; nothing was sent"):
        receiver_of(f"unix:{tmp_path / 'log'}").send(MESSAGES)
    with pytest.raises(MxhoundError, match=r"AF_UNIX path too long; nothing was sent"):
        receiver_of(f"unixgram:{tmp_path}/{'x' * 200}").send(MESSAGES)
    with pytest.raises(MxhoundError, match=r"tcp://no\.invalid:1: .*; nothing was sent"):
        receiver_of("tcp://no.invalid:1").send(MESSAGES)
    with pytest.raises(MxhoundError, match=r"; nothing was sent"):
        receiver_of(f"tcp://{'x' * 70}.example:1").send(MESSAGES)


def test_a_udp_port_that_nobody_listens_on_is_said() -> None:
    name = f"udp://127.0.0.1:{a_closed_port(socket.SOCK_DGRAM)}"
    for messages in (MESSAGES, MESSAGES[:1]):
        with pytest.raises(MxhoundError, match=r"Connection refused; \d of \d messages were sent"):
            receiver_of(name).send(messages)


def test_a_message_that_no_datagram_can_hold_is_said() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        name = f"udp://127.0.0.1:{server.getsockname()[1]}"
        too_long = r"Message too long; 1 of 3 messages were sent, and may be lost"
        with pytest.raises(MxhoundError, match=too_long):
            receiver_of(name).send(("one", "x" * 70_000, "three"))


@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_a_receiver_that_breaks_off_has_not_taken_it(kind: str, tmp_path: Path) -> None:
    with listening(lambda c: c.recv(10), tmp_path / "log" if kind == "unix" else None) as (name, _):
        # By when it is noticed: on sending, on ending, or on waiting.
        broken = "Broken pipe|Transport endpoint is not connected|Connection reset by peer"
        in_part = rf"({broken}); messages may have arrived in part"
        with pytest.raises(MxhoundError, match=in_part):
            receiver_of(name).send(("x" * 10_000,))


def test_a_receiver_that_reads_nothing_has_not_taken_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiver, "SECONDS", 0.3)
    done = threading.Event()

    def hold(connection: socket.socket) -> bytes:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        done.wait(10)
        return b""

    for size in (100_000_000, 300_000):  # more than the system holds, and less
        done.clear()
        with listening(hold) as (name, _):
            try:
                not_taken = r"(timed out|\d+ bytes were not taken within 0\.3 s); messages may"
                with pytest.raises(MxhoundError, match=not_taken):
                    receiver_of(name).send(("x" * size,))
            finally:
                done.set()


def test_a_receiver_that_took_all_need_not_close(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiver, "SECONDS", 0.3)
    done = threading.Event()

    def hold(connection: socket.socket) -> bytes:
        content = all_of(connection)
        done.wait(10)
        return content

    with listening(hold) as (name, received):
        receiver_of(name).send(MESSAGES[:1])
        done.set()
    assert len(received[0]) == 27


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tcp://siem.example.org:601", ("tcp", "siem.example.org", 601)),
        ("udp://[2001:db8::1]:514", ("udp", "2001:db8::1", 514)),
        ("udp://[fe80::1%eth0]:514", ("udp", "fe80::1%eth0", 514)),
        ("unix:run/log", ("unix", "run/log", 0)),
        ("unixgram:/dev/log", ("unixgram", "/dev/log", 0)),
    ],
)
def test_receivers_are_named_so(text: str, expected: tuple[str, str, int]) -> None:
    assert is_receiver(text)
    assert receiver_of(text) == Receiver(text, *expected)


@pytest.mark.parametrize(
    "text",
    [
        "tcp://siem.example.org",
        "tcp://siem.example.org:0",
        "tcp://siem.example.org:65536",
        "tcp://2001:db8::1:514",
        "tcp://user@host:1",
        "tcp:host:1",
        "tls://host:1",
        "http://host:1",
        "unix:",
        "unix://run/log",
        "tcp://host:1/path",
    ],
)
def test_what_names_no_receiver_is_refused(text: str, tmp_path: Path) -> None:
    assert is_receiver(text)
    done = CliRunner().invoke(main, ["report", *write(tmp_path)[:1], "-s", "x", "-o", text])
    assert done.exit_code == 2
    assert "expected tcp://HOST:PORT, udp://HOST:PORT, unix:PATH or unixgram:PATH" in " ".join(
        done.stderr.split()
    )


@pytest.mark.parametrize("name", ["report.cef", "./unix:log", "/var/log/x:y", "C:log"])
def test_other_names_are_files(name: str) -> None:
    assert not is_receiver(name)


@pytest.mark.parametrize("form", ["cef", "syslog"])
def test_a_report_arrives(form: str, tmp_path: Path) -> None:
    eve, site = write(tmp_path)
    told = CliRunner().invoke(main, ["report", eve, "-s", site, "-f", form, "--all"])
    with listening(all_of) as (name, received):
        command = ["report", eve, "-s", site, "-f", form, "--all", "-o", name]
        done = CliRunner().invoke(main, command)
    assert (done.exit_code, done.stdout) == (0, "")
    sent = [one.decode() for one in counted(received[0])]
    assert sent
    cef = [one[one.index("CEF:0|") :] for one in sent] if form == "cef" else sent
    assert "".join(f"{one}\n" for one in cef) == told.stdout


def test_a_report_that_did_not_arrive_is_made_again(tmp_path: Path) -> None:
    eve, site = write(tmp_path)
    name = f"tcp://127.0.0.1:{a_closed_port(socket.SOCK_STREAM)}"
    command = ["report", eve, "-s", site, "--state", str(tmp_path / "s"), "-f", "syslog", "-o"]
    done = CliRunner().invoke(main, [*command, name])
    assert done.exit_code == 1
    assert f"eveproc: {name}: cannot be sent to: Connection refused" in done.stderr
    with listening(all_of) as (name, received):
        assert CliRunner().invoke(main, [*command, name]).exit_code == 0
    assert b"infected" in received[0]


def test_forms_that_are_no_messages_are_refused_before_anything_is_read(tmp_path: Path) -> None:
    command = ["report", "nowhere", "-s", "nowhere", "-o", "tcp://127.0.0.1:1"]
    for form in ("text", "json", "html"):
        done = CliRunner().invoke(main, [*command, "-f", form])
        assert done.exit_code == 2
        assert "-o tcp://127.0.0.1:1 needs -f cef or -f syslog" in done.stderr

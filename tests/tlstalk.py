"""Two self-signed certificates -> a TLS 1.2 session with both, as turns of a TCP connection.

TLS 1.3 encrypts certificates: there is nothing to be seen.
"""

import ssl
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tests.packets import CLIENT, SERVER, Turn


def session(folder: Path, client: str, server: str) -> list[Turn]:
    """What client and server of these common names say until both are known to each other."""
    contexts = {}
    for who, protocol, name in (
        (CLIENT, ssl.PROTOCOL_TLS_CLIENT, client),
        (SERVER, ssl.PROTOCOL_TLS_SERVER, server),
    ):
        context = contexts[who] = ssl.SSLContext(protocol)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(*_certificate(folder / who, name))
    for who, other in ((CLIENT, SERVER), (SERVER, CLIENT)):
        contexts[who].load_verify_locations(folder / other / "cert.pem")
    contexts[CLIENT].check_hostname = False
    contexts[SERVER].verify_mode = ssl.CERT_REQUIRED
    return list(_turns(contexts, server))


def _certificate(folder: Path, name: str) -> tuple[Path, Path]:
    folder.mkdir(parents=True)
    certificate, key = folder / "cert.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30"]
    command += ["-subj", f"/C=US/O=Example/CN={name}", "-out", certificate, "-keyout", key]
    subprocess.run(command, check=True, capture_output=True)
    return certificate, key


def _turns(contexts: dict[str, ssl.SSLContext], name: str) -> Iterator[Turn]:
    wires = {who: ssl.MemoryBIO() for who in (CLIENT, SERVER)}
    ends = {
        CLIENT: contexts[CLIENT].wrap_bio(wires[CLIENT], wires[SERVER], server_hostname=name),
        SERVER: contexts[SERVER].wrap_bio(wires[SERVER], wires[CLIENT], server_side=True),
    }
    for _ in range(3):
        for who, other in ((CLIENT, SERVER), (SERVER, CLIENT)):
            with suppress(ssl.SSLWantReadError):
                ends[who].do_handshake()
            if said := wires[other].read():
                yield who, said
                wires[other].write(said)

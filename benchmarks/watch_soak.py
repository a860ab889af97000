"""Minutes of load -> how `eveproc watch` behaved.

Memory over time, what it reported, and what was lost (nothing may be).

A log is written at a steady rate and rotated once a minute, in each way in turn. It holds ordinary
traffic, hostile lines, and a mass mailer every few seconds. There are three webhooks: one works, one
is dead and one never ends its answers. The log's clock runs FASTER times as fast, so evidence
expires many times, as in weeks. Run: python -m benchmarks.watch_soak --minutes 30
"""

import argparse
import gzip
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from eveproc.state.state import open_state
from tests.eveproc.eve_lines import SITE, delivery, lease, line, lookup, mailing, quiet
from tests.live import mad_webhook
from tests.live.mad_webhook import MadWebhook
from tests.live.webhook import Webhook

EVEPROC = Path(sys.executable).with_name("eveproc")
DEAD = "json://127.0.0.1:9/"
FASTER = 600
ROTATE_SECONDS, MAILER_SECONDS, SAMPLE_SECONDS = 60.0, 8.0, 10.0
LONG_LINE = 20 << 20
HOSTS = [f"10.20.{n // 200}.{n % 200 + 1}" for n in range(100, 700)]


@dataclass(slots=True)
class Sample:
    """Resident bytes of the watch and of its children, `at` seconds after the start."""

    at: float
    watch: int
    children: int


@dataclass(slots=True)
class Log:
    """The log that is watched; `lines` and `size` count what was written."""

    path: Path
    chance: random.Random
    lines: int = 0
    size: int = 0
    rotations: int = 0
    mailers: list[str] = field(default_factory=list)

    def write(self, texts: list[bytes]) -> None:
        block = b"".join(texts)
        with self.path.open("ab") as file:
            file.write(block)
        self.lines += len(texts)
        self.size += len(block)

    def rotate(self) -> None:
        """Rotate: in turn by rename, by copytruncate, and by rename, compressing the file before."""
        old = self.path.with_name(f"{self.path.name}.{self.rotations + 1}")
        if self.rotations % 3 == 1:
            shutil.copyfile(self.path, old)
            os.truncate(self.path, 0)
        else:
            self.path.rename(old)
            self.path.touch()
        before = self.path.with_name(f"{self.path.name}.{self.rotations}")
        if self.rotations % 3 == 2 and before.exists():
            before.with_name(f"{before.name}.gz").write_bytes(gzip.compress(before.read_bytes(), 1))
            before.unlink()
        for name in (f"{self.rotations - 3}", f"{self.rotations - 3}.gz"):
            self.path.with_name(f"{self.path.name}.{name}").unlink(missing_ok=True)
        self.rotations += 1

    def second(self, at: float, rate: int) -> list[bytes]:
        """The lines of one second, dated from `at` on."""
        step = FASTER / rate
        texts = [self._ordinary(at + number * step) for number in range(rate)]
        texts += hostile(at, self.chance)
        self.chance.shuffle(texts)
        return texts

    def mailer(self, at: float) -> list[bytes]:
        """A host that was clean sends to forty servers within a minute."""
        host = f"10.20.{100 + len(self.mailers) // 250}.{len(self.mailers) % 250 + 1}"
        self.mailers.append(host)
        mac = f"02:00:00:01:{len(self.mailers) >> 8:02x}:{len(self.mailers) & 255:02x}"
        return [lease(at - 1, host, mac), *mailing(at, 40, host=host)]

    def _ordinary(self, at: float) -> bytes:
        host, number = self.chance.choice(HOSTS), self.chance.randrange(1000)
        kind = self.chance.random()
        if kind < 0.96:
            web = {"start": "", "pkts_toclient": 9, "state": "closed"}
            return line(
                at,
                "flow",
                host,
                dest_ip=f"203.0.113.{number % 250}",
                dest_port=443,
                proto="TCP",
                flow=web,
            )
        if kind < 0.98:
            return quiet(at, host)
        return delivery(at, "192.0.2.25", host) if kind < 0.99 else lookup(at, "example.com", host)


def hostile(at: float, chance: random.Random) -> Iterator[bytes]:
    """Malformed and hostile lines."""
    host = chance.choice(HOSTS)
    good = lookup(at, f"victim{chance.randrange(9)}.example", host)
    flipped = bytearray(good)
    flipped[chance.randrange(len(good) - 1)] = chance.randrange(32, 256)
    yield bytes(flipped)
    yield good[: chance.randrange(len(good))].rstrip(b"\n") + b"\n"
    for number in (1, 2):  # two machines get one address in the same microsecond
        yield lease(at, host, f"02:00:00:02:00:{number:02x}", "n\x1b[2J\r\n@everyone")
    yield good.replace(b'"src_port":40000', b'"src_port":' + b"9" * 400)
    yield good.replace(b'"event_type"', b'"event_type":' + b"[" * 5000 + b',"x"')
    yield good.replace(b"victim", b"\\u0000\\ud800" * 300)
    yield b'{"timestamp":"9999-12-31T23:59:59.999999+0000","event_type":"flow","flow":null}\n'
    yield b"\0" * 300 + b"\n"
    if chance.random() < 0.01:
        yield b'{"event_type":"smtp","smtp":{"helo":"' + b"x" * LONG_LINE + b'"}}\n'


@dataclass(slots=True)
class Soak:
    """A watch in its own folder, and its measurements."""

    folder: Path
    minutes: float
    rate: int
    samples: list[Sample] = field(default_factory=list)

    def run(self) -> dict[str, object]:
        (self.folder / "site.yaml").write_text(SITE)
        log = Log(self.folder / "eve.json", random.Random(24))
        log.path.touch()
        with (
            Webhook() as good,
            MadWebhook(mad_webhook.endless_body) as mad,
            MadWebhook(mad_webhook.no_answer) as mute,
        ):
            watch = self._start([good.url, DEAD, mad.url, mute.url])
            try:
                self._load(log, watch.pid)
                told = self._news()
                good.wait_for(len(told), 60)
            finally:
                watch.send_signal(signal.SIGTERM)
                code = watch.wait(120)
            told = self._news()
            return self._result(log, told, [post.body["title"] for post in good.posts], code) | {
                "requests of the mad webhook": mad.requests,
                "requests of the mute webhook": mute.requests,
            }

    def _start(self, urls: list[str]) -> subprocess.Popen[bytes]:
        command = [str(EVEPROC), "watch", str(self.folder / "eve.json"), "-f", "json"]
        command += ["-s", str(self.folder / "site.yaml"), "--state", str(self.folder / "state")]
        with (
            (self.folder / "news").open("wb") as news,
            (self.folder / "errors").open("wb") as errors,
        ):
            return subprocess.Popen(
                command,
                stdout=news,
                stderr=errors,
                env=os.environ | {"MXHOUND_NOTIFY": " ".join(urls)},
            )

    def _load(self, log: Log, pid: int) -> None:
        began = time.monotonic()
        first = time.time() - self.minutes * 60 * FASTER - 86400
        rotated = mailed = sampled = began
        while (now := time.monotonic()) - began < self.minutes * 60:
            at = first + (now - began) * FASTER
            log.write(log.second(at, self.rate))
            if now - mailed >= MAILER_SECONDS and began + self.minutes * 60 - now > 30:
                mailed = now
                log.write(log.mailer(at))
            if now - rotated >= ROTATE_SECONDS:
                rotated = now
                log.rotate()
            if now - sampled >= SAMPLE_SECONDS:
                sampled = now
                self.samples.append(sample(now - began, pid))
            time.sleep(max(0.0, now + 1 - time.monotonic()))
        time.sleep(5)

    def _news(self) -> list[dict[str, object]]:
        return [json.loads(text) for text in (self.folder / "news").read_bytes().splitlines()]

    def _result(
        self, log: Log, told: list[dict[str, object]], titles: list[str], code: int
    ) -> dict[str, object]:
        found = Counter(str(one["host"]) for one in told if one["verdict"] == "infected")
        with open_state(self.folder / "state") as state:
            waiting = sorted(len(messages) for messages in state.messages().values())
        return {
            "exit code": code,
            "lines": log.lines,
            "bytes": log.size,
            "rotations": log.rotations,
            "mailers": len(log.mailers),
            "mailers not told": sorted(set(log.mailers) - set(found)),
            "mailers told twice": sorted(host for host, count in found.items() if count > 1),
            "others told as infected": sorted(set(found) - set(log.mailers)),
            "news": len(told),
            "news at the good webhook": len(titles),
            "messages waiting for the others": waiting,
            "resident MiB at start, middle, end": [
                round(one.watch / 2**20, 1) for one in self._three()
            ],
            "most resident MiB": round(max(one.watch for one in self.samples) / 2**20, 1),
            "most resident MiB of the children": round(
                max(one.children for one in self.samples) / 2**20, 1
            ),
            "said": (self.folder / "errors").read_text(errors="replace").splitlines()[-40:],
        }

    def _three(self) -> list[Sample]:
        """The values after the first minute, in the middle and at the end."""
        return [
            self.samples[min(5, len(self.samples) - 1)],
            self.samples[len(self.samples) // 2],
            self.samples[-1],
        ]


def sample(at: float, pid: int) -> Sample:
    """The memory of a process and its children now."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    # Couriers are children of the threads of their URLs.
    for task in Path(f"/proc/{pid}/task").iterdir():
        children += (task / "children").read_text().split()
    return Sample(at, resident(pid), sum(resident(int(child)) for child in set(children)))


def resident(pid: int) -> int:
    """Resident bytes of a process; 0 if it has ended."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def main() -> None:
    """Print the result as JSON; exit code 1 if anything was lost."""
    parser = argparse.ArgumentParser(
        description="Watch a log under load, and tell what it took and what was lost."
    )
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--rate", type=int, default=1000, help="ordinary lines a second")
    parser.add_argument("--samples", type=Path, help="write the samples of memory here, as CSV")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mxhound-soak-") as folder:
        soak = Soak(Path(folder), options.minutes, options.rate)
        result = soak.run()
    if options.samples:
        rows = [f"{one.at:.0f},{one.watch},{one.children}\n" for one in soak.samples]
        options.samples.write_text("seconds,watch,children\n" + "".join(rows))
    sys.stdout.write(json.dumps(result, indent=1) + "\n")
    lost = result["mailers not told"] or result["news"] != result["news at the good webhook"]
    sys.exit(1 if lost or result["exit code"] else 0)


if __name__ == "__main__":
    main()

"""One setting changed on a real Suricata -> the alerts and records it costs, and its warning.

`rulegen check --suricata-yaml` warns of nothing that does not matter here, and what does not matter
has no warning: each case holds both against the same suricata.yaml.
"""

import json
import subprocess
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from ipaddress import ip_address
from pathlib import Path

import dpkt
import pytest

from rulegen.build import build
from rulegen.config_lint import silent_settings
from rulegen.loaded_rules import SILENCED, BuiltRules, read_built
from rulegen.site_profile import build_profile
from rulegen.suricata_yaml import read_suricata_yaml
from rulegen.vocabulary import Engine
from rulegen.yamlfile import parse_yaml
from tests import packets
from tests.engines.replay import installed, render_config
from tests.mailtalk import attachment, hello, mail, refused_mail, starttls, talk
from tests.packets import ACK, NXDOMAIN, SYN, Connection, Wire, question, reply

HOST, RESOLVER = "10.20.5.5", "10.20.0.53"
SITE = """
home_networks: [10.20.0.0/16]
mail_servers: [10.20.0.25]
resolvers: [10.20.0.53]
sid_base: 1250000
"""
DNS = "app-layer.protocols.dns"
SMTP = "app-layer.protocols.smtp"
LOOKUP_SIGNALS = {"mx_flood", "mx_slow", "mx_then_smtp"}  # of the lookups sent over UDP
SESSION_SIGNALS = {"smtp_sessions", "mail_burst", "worm_attachment", "helo_odd"}
CHECKSUMS = ("-k", "all")


@dataclass(frozen=True)
class Seen:
    """What a run wrote: signals that alerted, records by type, and how Suricata ended."""

    signals: frozenset[str]
    records: Mapping[str, int]
    exit_code: int
    events: list[dict[str, object]] = field(default_factory=list)


@dataclass(frozen=True)
class Sensor:
    """One engine with a build in a folder of its own; every run starts from the same settings."""

    engine: Engine
    folder: Path

    @property
    def rules(self) -> Path:
        return self.folder / self.engine / "mxhound.rules"

    def configure(
        self, settings: str = "", *, rule_files: str = "RULES", thresholds: str = ""
    ) -> Path:
        """Write suricata.yaml; RULES in its lines stands for the built rules."""
        file = self.folder / "threshold.config"
        file.write_text(thresholds)
        lines = [
            "default-rule-path: /",
            f"rule-files: [{rule_files}]",
            f"threshold-file: {file}",
            settings,
        ]
        config = self.folder / "suricata.yaml"
        text = "\n".join(lines).replace("RULES", str(self.rules)).replace("HERE", str(self.folder))
        config.write_text(f"{render_config(installed(self.engine), None)}{text}\n")
        return config

    def run(self, config: Path, pcap: Path, more: tuple[str, ...] = CHECKSUMS) -> Seen:
        logs = self.folder / "logs"
        logs.mkdir(exist_ok=True)
        for old in logs.iterdir():
            old.unlink()
        found = installed(self.engine)
        command = found.command("-l", logs, "-r", pcap, "--runmode", "single", config=config)
        done = subprocess.run([*command, *more], capture_output=True, check=False, timeout=600)
        eve = logs / "eve.json"
        lines = eve.read_text().splitlines() if eve.exists() else []
        return self.seen([json.loads(line) for line in lines], done.returncode)

    def seen(self, events: list[dict[str, object]], exit_code: int) -> Seen:
        names = {sid: rule.metadata["mxhound_signal"][0] for sid, rule in self.built.rules.items()}
        sids = [
            alert.get("signature_id")
            for event in events
            if isinstance(alert := event.get("alert"), dict)
        ]
        signals = frozenset(names[sid] for sid in sids if isinstance(sid, int) and sid in names)
        records = Counter(str(event["event_type"]) for event in events)
        return Seen(signals, records, exit_code, events)

    @property
    def built(self) -> BuiltRules:
        return read_built(self.rules)

    def warnings(self, config: Path) -> list[str]:
        found = silent_settings(read_suricata_yaml(config), self.rules, self.engine)
        return [str(problem) for problem in found]


def infected_host() -> Wire:
    """A host that triggers every rule: lookups over UDP and TCP, attempts, sessions, rejections."""
    wire = Wire()
    # Suricata waits a minute at the end of a pcap of which a filter leaves nothing.
    wire.syn(0.5, "198.51.100.250", "203.0.113.250", 80)
    for n in range(24):
        wire.ask(1 + n, HOST, RESOLVER, question(f"d{n}.example", packets.MX))
        for at, name, tcp in ((1.5, f"smtp.d{n}.example", False), (1.6, f"mx.e{n}.example", True)):
            asked = question(name, packets.A)
            wire.ask(at + n, HOST, RESOLVER, asked, reply(asked, NXDOMAIN), tcp=tcp)
    turns = talk(hello("localhost"), mail(), attachment("x.exe"), refused_mail("554 5.7.1 no"))
    for n in range(30):
        wire.session(40 + n, HOST, f"203.0.113.{n + 1}", 25, turns)
        wire.session(40.5 + n, HOST, f"198.51.100.{n + 1}", 587, [*hello(), *starttls()])
    return wire


def long_session() -> Wire:
    """One session with twelve mails of 3 kB, then worms and rejections."""
    wire = Wire()
    connection = Connection(wire, 1, HOST, "203.0.113.9", 25)
    at = connection.say(2, hello("localhost"))
    for _ in range(12):
        at = connection.say(at, mail(("y" * 70 + "\n") * 42))
    for _ in range(6):
        at = connection.say(at, [*attachment("x.exe"), *refused_mail("550 no")])
    connection.close(at)
    return wire


def huge_session() -> Wire:
    """One session with twelve mails of 100 kB, then rejections."""
    wire = Wire()
    connection = Connection(wire, 1, HOST, "203.0.113.9", 25)
    at = connection.say(2, hello())
    for _ in range(12):
        at = connection.say(at, mail(("y" * 70 + "\n") * 1408))
    for _ in range(6):
        at = connection.say(at, refused_mail("550 no"))
    connection.close(at)
    return wire


def backscatter() -> Wire:
    """Answers of mail servers to packets that somebody forged in the name of the host."""
    wire = Wire()
    for n in range(40):
        wire.tcp(1 + n, (f"203.0.113.{n + 1}", 25), (HOST, 20_000 + n), SYN | ACK, 77, 88)
    return wire


def crowd(hosts: int) -> Wire:
    """Between two events of an infected host, so many others that each look up mail servers."""
    wire = Wire()
    for k in range(16):
        for n in range(hosts):
            host, at = f"10.20.{128 + k * 4 + n // 250}.{n % 250 + 1}", 1 + k + n / hosts / 2
            wire.ask(at, host, RESOLVER, question("mail.x.example", packets.A))
            wire.ask(at + 0.1, host, RESOLVER, question("x.example", packets.MX))
        wire.ask(1.9 + k, HOST, RESOLVER, question(f"d{k}.example", packets.MX))
        wire.syn(1.95 + k, HOST, f"203.0.113.{k + 1}", 25)
    return wire


def open_connections(hosts: int) -> Wire:
    """Hosts that each keep one connection open, then mails of an infected one."""
    wire = Wire()
    for n in range(hosts):
        host = f"10.20.{128 + n // 250}.{n % 250 + 1}"
        connection = Connection(wire, 1 + n / 1000, host, "203.0.113.200", 80)
        connection.say(3 + n / 1000, [("C", b"GET / HTTP/1.0\r\n")])
    for n in range(15):
        wire.session(30 + n, HOST, f"203.0.113.{n + 1}", 25, talk(hello("localhost"), mail()))
    return wire


def rewritten(source: Path, target: Path, change: Callable[[bytes], bytes | None]) -> Path:
    """The same packets, each changed, or left out where None is given back."""
    with source.open("rb") as read, target.open("wb") as written:
        writer = dpkt.pcap.Writer(written)
        for at, frame in dpkt.pcap.Reader(read):
            if (new := change(frame)) is not None:
                writer.writepkt(new, ts=at)
    return target


def spoil_checksum(frame: bytes) -> bytes:
    """As offloading leaves it: the packets of the host carry a wrong TCP or UDP checksum."""
    ip = dpkt.ethernet.Ethernet(frame).data
    if ip.src != ip_address(HOST).packed:
        return frame
    at = 14 + 20 + (16 if ip.p == dpkt.ip.IP_PROTO_TCP else 6)
    return frame[:at] + bytes([frame[at] ^ 0x5A]) + frame[at + 1 :]


def without_handshake(frame: bytes) -> bytes | None:
    tcp = dpkt.ethernet.Ethernet(frame).data.data
    return None if isinstance(tcp, dpkt.tcp.TCP) and tcp.flags & SYN else frame


def in_vlan_5(frame: bytes) -> bytes:
    return frame[:12] + b"\x81\x00\x00\x05" + frame[12:]


@pytest.fixture(scope="module")
def pcap(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return infected_host().write(tmp_path_factory.mktemp("pcap") / "infected.pcap")


@pytest.fixture(scope="module")
def sensor(suricata: Engine, tmp_path_factory: pytest.TempPathFactory) -> Sensor:
    folder = tmp_path_factory.mktemp(suricata)
    build(build_profile(parse_yaml(SITE, "site.yaml")), [suricata], folder, date(2026, 3, 2))
    return Sensor(suricata, folder)


@pytest.fixture(scope="module")
def before(sensor: Sensor, pcap: Path) -> Seen:
    """What the unchanged settings give, and that nothing is said against them."""
    config = sensor.configure()
    assert sensor.warnings(config) == []
    return sensor.run(config, pcap)


def test_the_unchanged_settings_alert_on_every_signal(before: Seen) -> None:
    assert before.signals >= {*LOOKUP_SIGNALS, *SESSION_SIGNALS, "name_guess", "smtp_rejects"}
    assert {"dns", "smtp", "flow", "stats", "alert"} <= before.records.keys()


@dataclass(frozen=True)
class Case:
    """Settings, the warning about them, the signals they cost, and record types that shrink."""

    settings: str
    warning: str
    lost: frozenset[str] = frozenset()
    fewer: frozenset[str] = frozenset()
    silenced: bool = True

    def __str__(self) -> str:
        return self.settings.replace("\n", "; ")[:60]


def costs(
    settings: str, warning: str, lost: Sequence[str] = (), fewer: Sequence[str] = (), **more: bool
) -> Case:
    return Case(settings, warning, frozenset(lost), frozenset(fewer), **more)


EVERY_SIGNAL = ("mx_flood", "name_guess", "smtp_attempts", "smtp_sessions", "smtp_rejects")
SETTINGS = [
    costs(f"{SMTP}.enabled: no", f"[{SMTP}.enabled]", sorted(SESSION_SIGNALS), ["smtp"]),
    costs(f"{SMTP}.enabled: detection-only", f"[{SMTP}.enabled]", ["worm_attachment"], ["smtp"]),
    costs(f"{DNS}.udp.enabled: no", f"[{DNS}.udp.enabled]", sorted(LOOKUP_SIGNALS), ["dns"]),
    costs(f"{DNS}.tcp.enabled: no", f"[{DNS}.tcp.enabled]", [], ["dns"]),
    costs(
        f"{DNS}.udp.enabled: detection-only", f"[{DNS}.udp.enabled]", [], ["dns"], silenced=False
    ),
    costs(
        f"{DNS}.enabled: no", f"[{DNS}.enabled]", [*sorted(LOOKUP_SIGNALS), "name_guess"], ["dns"]
    ),
    costs(f"{DNS}.enabled: detection-only", f"[{DNS}.enabled]", [], ["dns"], silenced=False),
    costs(
        f"{DNS}.udp.detection-ports.dp: 5353",
        f"[{DNS}.udp.detection-ports.dp]",
        sorted(LOOKUP_SIGNALS),
        ["dns"],
    ),
    costs(
        f"{DNS}.udp.detection-ports.dp: '[!53, 50:60]'",
        f"[{DNS}.udp.detection-ports.dp]",
        sorted(LOOKUP_SIGNALS),
        ["dns"],
    ),
    costs(f"{SMTP}.mime.decode-mime: no", f"[{SMTP}.mime.decode-mime]", ["worm_attachment"]),
    costs("bpf-filter: not port 25", "port 25 are not captured", ["smtp_attempts"], ["smtp"]),
    costs(
        "bpf-filter: not (port 25 or 587 or port 53)",
        "port 25, 587, 53/udp, 53/tcp are not captured",
        ["mx_flood", "smtp_attempts", "submission_attempts"],
        ["smtp", "dns", "flow"],
    ),
    costs(
        "bpf-filter: tcp and not port 25 and not src port 587",
        "port 25, 587, 53/udp are not captured",
        ["mx_flood", "smtp_attempts", "smtp_rejects"],
        ["smtp", "dns", "flow"],
    ),
    costs(
        "bpf-filter: not net 10.20.0.0/16", "[bpf-filter]", EVERY_SIGNAL, ["dns", "smtp", "flow"]
    ),
    costs("stream.reassembly.raw: no", "[stream.reassembly.raw]", ["smtp_sessions", "helo_odd"]),
]


@pytest.mark.parametrize("case", SETTINGS, ids=str)
def test_a_setting_that_silences_rules_is_found(
    sensor: Sensor, before: Seen, pcap: Path, case: Case
) -> None:
    config = sensor.configure(case.settings)
    seen = sensor.run(config, pcap)
    assert case.lost <= before.signals - seen.signals
    assert all(seen.records.get(name, 0) < before.records[name] for name in case.fewer)
    assert case.lost or case.fewer
    found = sensor.warnings(config)
    assert len(found) == 1, found
    line = len(config.read_text().splitlines())
    assert found[0].startswith(f"{config}:{line}: [")
    assert case.warning in found[0]
    assert (SILENCED in found[0]) == case.silenced


# Settings of one row do not exclude each other.
HARMLESS = [
    [
        f"{SMTP}.detection-ports.dp: 2525",
        f"{SMTP}.raw-extraction: yes",
        f"{SMTP}.inspected-tracker: {{content-limit: 1, content-inspect-min-size: 1}}",
        f"{DNS}.udp.detection-ports.dp: '[53, 5353]'",
        f"{DNS}.tcp.detection-ports.dp: [54, 5353]",
        "app-layer.protocols.tls.encryption-handling: bypass",
        "bpf-filter: not host 10.9.9.9 and not port 514",
        "stream.midstream: no",
        "stream.inline: yes",
        "stream.reassembly.depth: 0",
        "host.memcap: 16mb",
        "vlan.use-for-tracking: no",
        "outputs.0.eve-log.types.0.alert.metadata: {rule: no}",
    ],
    [
        f"{DNS}.tcp.detection-ports: {{sp: 53}}",
        "bpf-filter: not (host 10.20.77.7 and port 25)",
        "stream.async-oneside: yes",
        "stream.reassembly.depth: 2mb",
        "stream.reassembly.toserver-chunk-size: 1",
        "exception-policy: bypass",
        "flow.memcap: 64mb",
        "detect.profile: low",
    ],
    [f"{DNS}.udp.detection-ports.dp: 50:60", "bpf-filter: port 25 or 53 or 465 or 587 or 80"],
]


@pytest.mark.parametrize("settings", HARMLESS, ids=["first", "second", "third"])
def test_settings_that_cost_nothing_are_not_warned_of(
    sensor: Sensor, before: Seen, pcap: Path, settings: list[str]
) -> None:
    config = sensor.configure("\n".join(settings))
    seen = sensor.run(config, pcap)
    assert seen.signals == before.signals
    assert {**seen.records, "anomaly": 0} == {**before.records, "anomaly": 0}
    assert sensor.warnings(config) == []


THRESHOLD_LINES = [
    ("suppress gen_id 1, sig_id 0", EVERY_SIGNAL, "for all hosts"),
    ("suppress gen_id 0, sig_id 0", EVERY_SIGNAL, "for all hosts"),
    (
        "suppress gen_id 0, sig_id 0, track by_src, ip 10.20.0.0/16",
        ["mx_flood", "smtp_sessions"],
        "for 10.20.0.0/16",
    ),
    (
        "suppress gen_id 1, sig_id 0, track by_either, ip [10.20.5.0/24, 10.20.6.6]",
        EVERY_SIGNAL,
        "for [10.20.5.0/24, 10.20.6.6]",
    ),
    (
        "suppress gen_id 1, sig_id 0, track by_dst, ip $HOME_NET",
        ["smtp_rejects"],
        "sid 1250301 (smtp_rejects), sid 1250302 (rcpt_refused) for $HOME_NET",
    ),
    ("suppress gen_id 1, sig_id 1250001", ["mx_flood"], "sid 1250001 (mx_flood) for all hosts"),
    (
        "suppress gen_id 1, \\\n  sig_id 1250301, track by_dst, ip 10.20.5.5",
        ["smtp_rejects"],
        "sid 1250301 (smtp_rejects) for 10.20.5.5",
    ),
    (
        "threshold gen_id 1, sig_id 1250001, type both, track by_src, count 1000, seconds 60",
        ["mx_flood"],
        "sid 1250001 (mx_flood): this line replaces the threshold of the rule",
    ),
    (
        "event_filter gen_id 1, sig_id 1250105, type limit, track by_src, count 1, seconds 1",
        [],
        "sid 1250105 (mail_burst): this line replaces the threshold of the rule",
    ),
]


@pytest.mark.parametrize(("line", "lost", "said"), THRESHOLD_LINES)
def test_a_line_of_the_threshold_file_that_silences_rules_is_found(
    sensor: Sensor, before: Seen, pcap: Path, line: str, lost: Sequence[str], said: str
) -> None:
    config = sensor.configure(thresholds=f"# site\n\n{line}\n")
    seen = sensor.run(config, pcap)
    assert set(lost) <= before.signals - seen.signals
    assert lost or seen.records["alert"] > before.records["alert"]
    found = sensor.warnings(config)
    assert len(found) == 1, found
    assert found[0].startswith(f"{sensor.folder}/threshold.config:3: ")
    assert said in found[0]
    assert (SILENCED in found[0]) == line.startswith("suppress")


HARMLESS_LINES = [
    "threshold gen_id 1, sig_id 0, type both, track by_src, count 1000, seconds 60",
    "event_filter gen_id 0, sig_id 0, type limit, track by_src, count 1, seconds 3600",
    "rate_filter gen_id 1, sig_id 1250001, track by_src, count 1, seconds 60, new_action pass, "
    "timeout 100",
    "suppress gen_id 1, sig_id 1250106",
    "suppress gen_id 2, sig_id 1250001",
    "suppress gen_id 1, sig_id 2001219",
    "suppress gen_id 1, sig_id 0, track by_src, ip 192.168.7.7",
]


def test_lines_of_the_threshold_file_without_effect_are_not_warned_of(
    sensor: Sensor, before: Seen, pcap: Path
) -> None:
    config = sensor.configure(thresholds="\n".join(HARMLESS_LINES) + "\n")
    assert sensor.run(config, pcap).signals == before.signals
    assert sensor.warnings(config) == []


OTHER = 'alert tcp any any -> any 1 (msg:"other"; sid:1250001; rev:{};)\n'
PASS = 'pass {} (msg:"p"; sid:1; rev:1;)\n'


def off(sid: int) -> Callable[[str], str]:
    """As suricata-update disables a rule."""

    def change(text: str) -> str:
        return "\n".join(
            f"# {line}" if f"sid:{sid};" in line else line for line in text.splitlines()
        )

    return change


def swap(old: str, new: str) -> Callable[[str], str]:
    return lambda text: text.replace(old, new)


RULE_FILES = [
    ("disable.conf", off(1250001), ["mx_flood"], "sid 1250001: commented out", True),
    ("a mark disabled", off(1250106), ["mx_then_smtp"], "sid 1250106: commented out", True),
    ("gone", lambda t: t[: t.index("# smtp_rejects")], ["smtp_rejects"], "in no rule file", True),
    ("drop.conf", swap("\nalert", "\ndrop"), ["smtp_rejects"], "the action is drop", False),
    ("pass", swap("\nalert", "\npass"), EVERY_SIGNAL, "the action is pass", True),
    ("noalert", swap("sid:1250001;", "noalert; sid:1250001;"), ["mx_flood"], "noalert", True),
    (
        "modify.conf",
        swap("count 10, seconds 60;", "count 1000, seconds 60;"),
        ["mx_flood"],
        "sid 1250001: differs from the build in threshold: modify.conf",
        False,
    ),
    ("first", lambda t: OTHER.format(3) + t, ["mx_flood"], "another rule has this sid", True),
    ("last, higher rev", lambda t: t + OTHER.format(99), ["mx_flood"], "another rule", True),
    ("same rev, last", lambda t: t + OTHER.format(1), [], "a second rule with this sid", False),
    (
        "pass all",
        lambda t: t + PASS.format("ip [10.20.0.0/16, 192.168.0.0/16] any -> any any"),
        EVERY_SIGNAL,
        "this pass rule exempts port 25, 465, 587, 53/udp, 53/tcp",
        True,
    ),
    (
        "pass to 25",
        lambda t: t + PASS.format("tcp $HOME_NET any -> any [25,!80]"),
        ["smtp_attempts", "smtp_rejects"],
        "this pass rule exempts port 25 from all rules",
        True,
    ),
    (
        "pass smtp",
        lambda t: t + PASS.format("smtp any any <> any any"),
        sorted(SESSION_SIGNALS),
        "this pass rule exempts port 25, 465, 587",
        True,
    ),
    (
        "pass dns",
        lambda t: t + PASS.format("dns any any -> any any"),
        ["mx_flood", "name_guess"],
        "this pass rule exempts port 53/udp, 53/tcp",
        True,
    ),
    (
        "drop",
        lambda t: t + 'drop tcp $HOME_NET any -> any 25 (msg:"d"; sid:1; rev:1;)\n',
        ["smtp_sessions", "worm_attachment", "smtp_rejects"],
        "this drop rule ends the inspection of connections on port 25",
        True,
    ),
    (
        "bypass",
        lambda t: (
            t + 'alert tcp any any -> any 25 (msg:"b"; flow:established; bypass; sid:1; rev:1;)\n'
        ),
        ["worm_attachment", "smtp_rejects"],
        "this rule bypasses connections on port 25",
        True,
    ),
]


@pytest.mark.parametrize(
    ("change", "lost", "said", "silenced"),
    [row[1:] for row in RULE_FILES],
    ids=[row[0] for row in RULE_FILES],
)
def test_what_a_rule_file_does_to_our_rules_is_found(
    sensor: Sensor,
    before: Seen,
    pcap: Path,
    change: Callable[[str], str],
    lost: Sequence[str],
    said: str,
    silenced: bool,
) -> None:
    file = sensor.folder / "suricata.rules"
    file.write_text(change(sensor.rules.read_text()))
    config = sensor.configure(rule_files=str(file))
    seen = sensor.run(config, pcap)
    assert set(lost) <= before.signals - seen.signals
    found = sensor.warnings(config)
    assert found
    assert all(text.startswith((f"{file}:", f"{sensor.rules}:")) for text in found), found
    matching = [text for text in found if said in text]
    assert matching, found
    assert (SILENCED in matching[0]) == silenced


HARMLESS_RULES = [
    'drop tcp any any -> any 25 (msg:"d"; flags:S; sid:4; rev:1;)',
    'drop udp any any -> any 53 (msg:"d"; sid:5; rev:1;)',
    'alert tcp any any -> any 1 (msg:"other group"; gid:5; sid:1250001; rev:99;)',
    PASS.format("tcp any any -> any 443").strip(),
    PASS.format("tcp 10.20.4.4 any -> any 25").strip().replace("sid:1", "sid:2"),
    'pass tcp any any -> any 25 (msg:"p"; content:"nagios"; sid:3; rev:1;)',
    '# pass ip any any -> any any (msg:"p"; sid:1; rev:1;)',
]


def test_rules_of_others_that_cost_nothing_are_not_warned_of(
    sensor: Sensor, before: Seen, pcap: Path
) -> None:
    others = sensor.folder / "others.rules"
    others.write_text("".join(f"{rule}\n" for rule in HARMLESS_RULES))
    config = sensor.configure(rule_files=f"{others}, RULES")
    assert sensor.run(config, pcap).signals == before.signals
    assert sensor.warnings(config) == []


def test_a_rule_that_turns_records_off_is_found(sensor: Sensor, before: Seen, pcap: Path) -> None:
    others = sensor.folder / "others.rules"
    others.write_text(
        "config dns any any -> any any (config: logging disable, type tx, scope tx; sid:1; rev:1;)"
    )
    config = sensor.configure(rule_files=f"RULES, {others}")
    assert "dns" not in sensor.run(config, pcap).records
    found = sensor.warnings(config)
    assert len(found) == 1
    assert found[0].startswith(f"{others}:1: this config rule turns off records of port 53/udp")


@pytest.mark.parametrize("listed", ["", "rule-files:", "rule-files: others.rules"])
def test_rule_files_that_are_no_list_switch_every_rule_off(
    sensor: Sensor, before: Seen, pcap: Path, listed: str
) -> None:
    """As after the last entry was taken out; a dotted key does not make a list of it."""
    config = sensor.configure()
    for first in (listed, "rule-files: []"):
        plain = config.read_text().replace(f"rule-files: [{sensor.rules}]\n", f"{first}\n")
        other = config.with_name("no-list.yaml")
        other.write_text(f"{plain}rule-files.mxhound: {sensor.rules}\n")
        works = first == "rule-files: []"
        assert sensor.run(other, pcap).signals == (before.signals if works else frozenset())
        found = sensor.warnings(other)
        assert ["[rule-files]: is not a list" in text for text in found] == [True] * (not works)


def test_a_file_that_is_loaded_twice_is_refused_by_the_engine(sensor: Sensor) -> None:
    copy = sensor.folder / "copy.rules"
    copy.write_text(sensor.rules.read_text())
    config = sensor.configure(rule_files=f"RULES, {copy}")
    command = installed(sensor.engine).command("-T", "-l", sensor.folder, config=config)
    assert subprocess.run(command, capture_output=True, check=False).returncode != 0
    found = sensor.warnings(config)
    assert len(found) == 1
    assert "a second rule with this sid: `suricata -T` refuses it" in found[0]
    assert found[0].startswith(f"{copy}:")


def test_mails_behind_the_depth_of_the_stream_are_lost(sensor: Sensor, tmp_path: Path) -> None:
    pcap = long_session().write(tmp_path / "long.pcap")
    whole = sensor.run(sensor.configure(), pcap)
    config = sensor.configure("stream.reassembly.depth: 16kb")
    seen = sensor.run(config, pcap)
    assert whole.signals - seen.signals == {"worm_attachment"}
    assert seen.records["smtp"] < whole.records["smtp"] / 2
    assert ["[stream.reassembly.depth]" in text for text in sensor.warnings(config)] == [True]


def test_bypass_hides_rejections_behind_the_depth(sensor: Sensor, tmp_path: Path) -> None:
    pcap = huge_session().write(tmp_path / "huge.pcap")
    whole = sensor.run(sensor.configure(), pcap)
    config = sensor.configure("stream.bypass: yes")
    assert whole.signals - sensor.run(config, pcap).signals == {"rcpt_refused"}
    assert ["[stream.bypass]" in text for text in sensor.warnings(config)] == [True]


def test_midstream_turns_backscatter_into_connections_of_the_host(
    sensor: Sensor, tmp_path: Path
) -> None:
    pcap = backscatter().write(tmp_path / "backscatter.pcap")
    config = sensor.configure()
    sources = {event.get("src_ip") for event in sensor.run(config, pcap).events}
    assert HOST not in sources
    config = sensor.configure("stream.midstream: yes")
    assert HOST in {event.get("src_ip") for event in sensor.run(config, pcap).events}
    assert ["[stream.midstream]" in text for text in sensor.warnings(config)] == [True]


def test_a_policy_that_passes_what_was_missed(sensor: Sensor, pcap: Path, tmp_path: Path) -> None:
    cut = rewritten(pcap, tmp_path / "cut.pcap", without_handshake)
    midstream = "stream.midstream: yes"
    open_eyes = sensor.run(sensor.configure(midstream), cut)
    config = sensor.configure(f"{midstream}\nstream.midstream-policy: pass-flow")
    assert open_eyes.signals - sensor.run(config, cut).signals >= SESSION_SIGNALS
    assert "[stream.midstream-policy]: is pass-flow" in sensor.warnings(config)[1]


@pytest.mark.parametrize(
    ("settings", "warned"),
    [
        ("pcap-file.checksum-checks: yes", True),
        ("pcap-file.checksum-checks: no", False),
        ("pcap-file.checksum-checks: yes\nstream.checksum-validation: no", False),
    ],
)
def test_checksums_that_offloading_leaves_wrong(
    sensor: Sensor, pcap: Path, tmp_path: Path, settings: str, warned: bool
) -> None:
    spoiled = rewritten(pcap, tmp_path / "spoiled.pcap", spoil_checksum)
    config = sensor.configure(settings)
    seen = sensor.run(config, spoiled, more=())
    assert (seen.signals >= SESSION_SIGNALS) != warned
    assert ("smtp" in seen.records) != warned
    assert ["checksum-checks]" in text for text in sensor.warnings(config)] == [True] * warned


TENANTS = """\
multi-detect:
  enabled: yes
  selector: vlan
  loaders: 1
  tenants:
    - id: 7
      yaml: tenant.yaml
  mappings: [{vlan-id: 5, tenant-id: 7}]
"""


@pytest.mark.parametrize(
    ("settings", "rule_files", "tagged", "alerts", "said"),
    [
        (TENANTS, "[]", True, False, ["[multi-detect.default]", "tenant 7: no rule of mxhound"]),
        (TENANTS, "[RULES]", True, True, ["[multi-detect.default]"]),
        (TENANTS, "[RULES]", False, False, ["[multi-detect.default]"]),
        (TENANTS + "  default: yes\n", "[]", True, False, ["tenant 7: no rule of mxhound"]),
        (TENANTS + "  default: yes\n", "[RULES]", True, True, []),
        (TENANTS + "  default: yes\n", "[RULES]", False, True, []),
        (TENANTS.replace("enabled: yes", "enabled: no"), "[]", True, True, []),
    ],
)
def test_tenants_have_rules_of_their_own(
    sensor: Sensor,
    pcap: Path,
    tmp_path: Path,
    settings: str,
    rule_files: str,
    tagged: bool,
    alerts: bool,
    said: list[str],
) -> None:
    tenant = sensor.folder / "tenant.yaml"
    listed = rule_files.replace("RULES", str(sensor.rules))
    tenant.write_text(
        "%YAML 1.1\n---\ndefault-rule-path: /\n"
        f"rule-files: {listed}\nvars: {{address-groups: {{HOME_NET: 10.0.0.0/8}}}}\n"
    )
    # Suricata resolves the path from where it runs, hence an absolute one here.
    config = sensor.configure(settings.replace("tenant.yaml", str(tenant)))
    traffic = rewritten(pcap, tmp_path / "vlan.pcap", in_vlan_5) if tagged else pcap
    assert bool(sensor.run(config, traffic).signals) == alerts
    found = sensor.warnings(config)
    assert [part in text for part, text in zip(said, found, strict=True)] == [True] * len(said)


# Suricata 8 has a thousand entries from the start; each host of the crowd takes three.
MEMCAPS = [
    ("host: {hash-size: 256, prealloc: 0, memcap: 20kb}", Engine.SURICATA_7, 100),
    ("detect.thresholds: {hash-size: 256, memcap: 180kb}", Engine.SURICATA_8, 500),
]


@pytest.mark.parametrize(("settings", "engine", "hosts"), MEMCAPS)
def test_a_full_table_of_counts_forgets_the_infected_host(
    sensor: Sensor, tmp_path: Path, settings: str, engine: Engine, hosts: int
) -> None:
    config = sensor.configure(settings)
    if sensor.engine is not engine:
        assert sensor.warnings(config) == []
        return
    pcap = crowd(hosts).write(tmp_path / "crowd.pcap")
    forgetful = sensor.run(config, pcap).signals
    # Which counts are discarded is random; of five signals some always are.
    assert sensor.run(sensor.configure(), pcap).signals - forgetful
    found = sensor.warnings(sensor.configure(settings))
    assert ["discards the counts of other hosts" in text for text in found] == [True]


@pytest.mark.parametrize(
    ("settings", "fewer"),
    [
        ("stream: {prealloc-sessions: 1, memcap: 100kb}", "smtp"),
        ("stream.reassembly: {segment-prealloc: 1, memcap: 1mb}", "smtp"),
        ("flow: {hash-size: 256, prealloc: 1, memcap: 100kb}", "flow"),
    ],
)
def test_a_memcap_that_connections_of_the_site_fill(
    sensor: Sensor, tmp_path: Path, settings: str, fewer: str
) -> None:
    pcap = open_connections(2000).write(tmp_path / "open.pcap")
    whole = sensor.run(sensor.configure(), pcap)
    config = sensor.configure(settings)
    seen = sensor.run(config, pcap)
    assert seen.records.get(fewer, 0) < whole.records[fewer]
    found = sensor.warnings(config)
    assert ["memcap]: is 1" in text and "home_networks holds" in text for text in found] == [True]


def test_debian_s_own_configuration_with_a_build_included_loses_nothing(
    sensor: Sensor, before: Seen, pcap: Path
) -> None:
    """The fragment switches body_md5 on, which Debian's suricata.yaml switches off."""
    etc = installed(sensor.engine).etc or Path("/etc/suricata")
    fragment = (sensor.rules.with_name("mxhound.yaml")).read_text()
    include = sensor.folder / "included.yaml"
    include.write_text(fragment.replace("/etc/suricata/mxhound", str(sensor.rules.parent)))
    config = sensor.folder / "debian.yaml"
    # No rules of others: a `rule-files:` that is left empty would switch ours off, too.
    plain = (etc / "suricata.yaml").read_text()
    plain = plain.replace("rule-files:\n  - suricata.rules\n", "rule-files: []\n")
    config.write_text(
        f"{plain}\ndefault-log-dir: {sensor.folder}\nunix-command.enabled: no\n"
        f"classification-file: {etc}/classification.config\n"
        f"reference-config-file: {etc}/reference.config\ninclude: {include}\n"
    )
    assert sensor.warnings(config) == []
    logs = sensor.folder / "debian"
    logs.mkdir()
    command = installed(sensor.engine).command("-l", logs, "-r", pcap, config=config)
    subprocess.run(
        [*command, "--runmode", "single", "-k", "all"], capture_output=True, check=True, timeout=600
    )
    lines = (logs / "eve-mxhound.json").read_text().splitlines()
    events = [json.loads(line) for line in lines]
    assert sensor.seen(events, 0).signals == before.signals
    assert any("body_md5" in event.get("email", {}) for event in events)
    config.write_text(config.read_text() + f"{SMTP}.mime.body-md5: no\n")
    assert [f"[{SMTP}.mime.body-md5]" in text for text in sensor.warnings(config)] == [True]


EVE = "outputs:\n  - eve-log:\n      enabled: yes\n      filename: eve.json\n      types: [{}]\n"
ALL_TYPES = (
    "alert: {metadata: yes}",
    "dns",
    "smtp: {md5: [body, subject]}",
    "flow",
    "dhcp",
    "stats",
)


@pytest.mark.parametrize(
    ("old", "new", "lost", "said"),
    [
        ("dns", "dns: {enabled: no}", "dns", "types.dns]: is missing"),
        ("dns", "dns: {types: [a, aaaa]}", "dns", "types.dns.types]: lacks mx"),
        ("dns", "dns: {requests: no}", "dns", "types.dns.requests]: is off"),
        ("flow", "netflow", "flow", "types.flow]: is missing"),
        ("stats", "stats: {enabled: no}", "stats", "types.stats]: is missing"),
        ("alert: {metadata: yes}", "alert: {enabled: no}", "alert", "types.alert]: is missing"),
        ("smtp: {md5: [body, subject]}", "smtp: {enabled: no}", "smtp", "types.smtp]: is missing"),
    ],
)
def test_a_record_type_that_is_off_is_found(
    sensor: Sensor, before: Seen, pcap: Path, old: str, new: str, lost: str, said: str
) -> None:
    types = [new if name == old else name for name in ALL_TYPES]
    config = sensor.configure(EVE.format(", ".join(types)))
    assert sensor.run(config, pcap).records.get(lost, 0) < before.records[lost]
    found = sensor.warnings(config)
    assert said in found[0], found


@pytest.mark.parametrize("off", ["no", "{rule: {metadata: no}}"])
def test_alerts_without_metadata_are_found(sensor: Sensor, pcap: Path, off: str) -> None:
    types = [f"alert: {{metadata: {off}}}", *ALL_TYPES[1:]]
    config = sensor.configure(EVE.format(", ".join(types)))
    alerts = [event["alert"] for event in sensor.run(config, pcap).events if "alert" in event]
    assert alerts
    assert not any(isinstance(alert, dict) and "metadata" in alert for alert in alerts)
    assert ["alert.metadata]: is off" in text for text in sensor.warnings(config)] == [True]


def test_stats_that_are_off_keep_the_engine_from_starting(sensor: Sensor, pcap: Path) -> None:
    config = sensor.configure("stats.enabled: no")
    assert sensor.run(config, pcap).exit_code != 0
    assert ["[stats.enabled]: is no" in text for text in sensor.warnings(config)] == [True]

"""suricata.yaml + a build -> settings that silence its rules or remove records that eveproc reads.

Only settings that matter on a real Suricata 7 or 8 are reported: tests/test_silenced_rules.py shows
alerts and records with and without each of them.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from msgspec.structs import replace

from rulegen.capture_filter import keeps
from rulegen.errors import InputError, Problem
from rulegen.generic import is_generic
from rulegen.generic_lint import generic_problems
from rulegen.loaded_rules import (
    SILENCED,
    BuiltRules,
    loads_ours,
    port_is_in,
    read_built,
    rule_problems,
)
from rulegen.mail_probes import Packet, as_text, hidden_ports
from rulegen.memcaps import memcap_problems, size_in_bytes
from rulegen.suricata_yaml import Setting, address_group, read_suricata_yaml
from rulegen.threshold_lint import threshold_problems
from rulegen.vocabulary import Engine

# Record types of eve-log that eveproc reads; the last two refine a verdict, the others are its
# basis.
EVE_TYPES = ("alert", "dns", "smtp", "flow", "dhcp", "stats")
# Types of DNS questions that show a mass mailer (mx, a) or a server that accepts mail (ptr).
DNS_RECORDS = ("mx", "a", "ptr")
# Suricata's default for stream.reassembly.depth. Ten mails of 100 kB in a session fill it.
LEAST_DEPTH = 1024**2
# Sections of suricata.yaml that list interfaces to capture from.
CAPTURES = ("af-packet", "af-xdp", "pcap", "netmap", "pfring", "pcap-file")
_DNS = ("app-layer", "protocols", "dns")
_SMTP = ("app-layer", "protocols", "smtp")


def silent_settings(
    suricata: Setting, rules: Path, engine: Engine | None = None
) -> tuple[Problem, ...]:
    """Settings that silence rules of the build `rules` or remove records, each with file and line.

    `engine` is the Suricata that reads the settings; None checks what matters to either version.
    """
    built = read_built(rules)
    if is_built_generic := any(is_generic(rule.header) for rule in built.rules.values()):
        built = replace(built, settings=suricata)  # it defines the variables of the build
    checks = (
        rule_problems(suricata, built),
        threshold_problems(suricata, built),
        generic_problems(suricata, built) if is_built_generic else _addresses(suricata),
        _unquoted_lists(suricata),
        _parsers(suricata, built),
        _ports(suricata, built),
        _mime(suricata),
        _filters(suricata, built),
        _stream(suricata),
        _checksums(suricata),
        memcap_problems(suricata, built.home().inside, engine),
        _tenants(suricata, built),
        _logs(suricata),
    )
    return tuple(problem for found in checks for problem in found)


def _addresses(root: Setting) -> Iterator[Problem]:
    groups = root.at("vars", "address-groups") or root
    home = groups.at("HOME_NET")
    if home is None:
        yield groups.problem("vars.address-groups.HOME_NET", "is not set")
        return
    try:
        if any(network.prefixlen == 0 for network in address_group(root, "HOME_NET").inside):
            what = (
                "is every address: these rules hold their own addresses, "
                "but rules of others that use $EXTERNAL_NET stay silent; list your networks"
            )
            yield home.problem("vars.address-groups.HOME_NET", what)
    except InputError as error:
        yield from error.problems
    for name in ("SMTP_SERVERS", "DNS_SERVERS"):
        setting = groups.at(name)
        if setting is not None and setting.text.strip("[] ") == "$HOME_NET":
            what = (
                f'is "$HOME_NET": harmless for these rules, which hold their own addresses, '
                f"but rules of others with !${name} stay silent; list the servers"
            )
            yield setting.problem(f"vars.address-groups.{name}", what)


def _unquoted_lists(root: Setting) -> Iterator[Problem]:
    groups = root.at("vars", "address-groups")
    for name, setting in groups.keys.items() if groups else ():
        if setting.is_list:
            what = (
                "is a YAML list, with which Suricata does not start; write it as text in quotes: "
                f'"[{",".join(item.text for item in setting.items)}]"'
            )
            yield setting.problem(f"vars.address-groups.{name}", what)


def _parsers(root: Setting, built: BuiltRules) -> Iterator[Problem]:
    paths: tuple[tuple[str, ...], ...] = (_DNS, (*_DNS, "udp"), (*_DNS, "tcp"), _SMTP)
    for path in paths:
        enabled = root.at(*path, "enabled")
        if enabled is not None and not enabled.is_on:
            name, over = path[2], f" over {path[-1].upper()}" if len(path) > 3 else ""
            lost = f"no {name} record is logged; set it to yes"
            # Rules on dns match without its parser, as they search the packet.
            if name != "dns" or enabled.is_off:
                lost = (
                    f"rules on {name}{over} never match, and {lost} "
                    f"({SILENCED}: {built.signals(name)})"
                )
            yield enabled.problem(".".join((*path, "enabled")), f"is {enabled.text}: {lost}")


def _ports(root: Setting, built: BuiltRules) -> Iterator[Problem]:
    """DNS is detected by port; SMTP by content, so its detection-ports do not matter."""
    for transport in ("udp", "tcp"):
        path = (*_DNS, transport, "detection-ports", "dp")
        setting = root.at(*path)
        # Suricata ignores a YAML list here and takes its default, 53.
        if setting is not None and port_is_in(root, 53, setting.text or "any") is False:
            what = (
                f"is {setting.text}: rules on dns over {transport.upper()} never match, and no dns "
                f"record is logged; add 53 ({SILENCED}: {built.signals('dns')})"
            )
            yield setting.problem(".".join(path), what)


def _mime(root: Setting) -> Iterator[Problem]:
    path = (*_SMTP, "mime", "decode-mime")
    decode = root.at(*path)
    if decode is not None and not decode.is_on:
        what = (
            f"is {decode.text}: mails are not parsed, so records hold no attachment and no "
            f"digest; set it to yes ({SILENCED}: worm_attachment)"
        )
        yield decode.problem(".".join(path), what)
    digest = root.at(*_SMTP, "mime", "body-md5")
    if digest is not None and digest.is_off:
        what = (
            f"is {digest.text}: smtp records hold no body_md5, even where eve-log has md5: "
            "look-alike mails are recognized by subject only; set it to yes"
        )
        yield digest.problem(".".join((*_SMTP, "mime", "body-md5")), what)


def _filters(root: Setting, built: BuiltRules) -> Iterator[Problem]:
    home = built.home()
    for key, setting in _bpf_filters(root):
        if hidden := hidden_ports(home, partial(_drops, setting.text)):
            what = (
                f"is {setting.text!r}: packets on {as_text(hidden, home)} are not captured; "
                f"remove that part of the filter ({SILENCED}: rules on these ports)"
            )
            yield setting.problem(key, what)


def _drops(bpf: str, packet: Packet) -> bool:
    return keeps(bpf, packet) is False


def _bpf_filters(root: Setting) -> Iterator[tuple[str, Setting]]:
    """The filter for all captures, and those of single interfaces."""
    general = root.at("bpf-filter")
    if general is not None:
        yield "bpf-filter", general
        return
    for key, interface in _interfaces(root):
        setting = interface.at("bpf-filter")
        if setting is not None:
            yield f"{key}.bpf-filter", setting


def _interfaces(root: Setting) -> Iterator[tuple[str, Setting]]:
    for capture in CAPTURES:
        section = root.at(capture)
        if section is None:
            continue
        if section.at("checksum-checks") or section.at("bpf-filter"):
            yield capture, section
        for number, interface in section.keys.items():
            if interface.keys:
                yield f"{capture}.{number}", interface


def _stream(root: Setting) -> Iterator[Problem]:
    depth = root.at("stream", "reassembly", "depth")
    size = size_in_bytes(depth.text) if depth else None
    if depth is not None and size is not None and 0 < size < LEAST_DEPTH:
        what = (
            f"is {depth.text}: of a longer SMTP session, later mails are neither inspected nor "
            "logged; set 1mb, Suricata's default, or more"
        )
        yield depth.problem("stream.reassembly.depth", what)
    raw = root.at("stream", "reassembly", "raw")
    if raw is not None and raw.is_off:
        what = (
            f"is {raw.text}: rules on HELO never match; set it to yes "
            f"({SILENCED}: smtp_sessions, helo_odd)"
        )
        yield raw.problem("stream.reassembly.raw", what)
    bypass = root.at("stream", "bypass")
    if bypass is not None and bypass.is_on and size != 0:
        what = (
            f"is {bypass.text}: of an SMTP session longer than stream.reassembly.depth, "
            "rejections (smtp_rejects) and later mails are not seen; set it to no"
        )
        yield bypass.problem("stream.bypass", what)
    midstream = root.at("stream", "midstream")
    if midstream is not None and midstream.is_on:
        yield from _midstream(root, midstream)


def _midstream(root: Setting, midstream: Setting) -> Iterator[Problem]:
    what = (
        f"is {midstream.text}: answers to forged packets (SYN-ACK backscatter) are logged as "
        "connections of your hosts to mail servers; set it to no unless handshakes are missing"
    )
    yield midstream.problem("stream.midstream", what)
    policy = root.at("stream", "midstream-policy") or root.at("exception-policy")
    if policy is not None and policy.text.lower() == "pass-flow":
        key = "stream.midstream-policy" if root.at("stream", "midstream-policy") else ""
        what = (
            f"is {policy.text}: no rule inspects connections whose start was missed; set ignore "
            f"({SILENCED}: rules on smtp for such connections)"
        )
        yield policy.problem(key or "exception-policy", what)


def _checksums(root: Setting) -> Iterator[Problem]:
    """With `auto` and `kernel`, the defaults, Suricata copes with offloading."""
    validation = root.at("stream", "checksum-validation")
    if validation is not None and not validation.is_on:
        return
    for key, interface in _interfaces(root):
        checks = interface.at("checksum-checks")
        if checks is not None and checks.is_on:
            what = (
                f"is {checks.text}: packets that reach the sensor before the network card fills in "
                "their checksum (offloading) are ignored; set auto, or kernel for af-packet "
                f"({SILENCED}: rules on smtp for such packets)"
            )
            yield checks.problem(f"{key}.checksum-checks", what)


def _tenants(root: Setting, built: BuiltRules) -> Iterator[Problem]:
    """A tenant's traffic meets the rules of its own file only; other traffic meets none."""
    multi = root.at("multi-detect")
    enabled = multi.at("enabled") if multi else None
    if multi is None or enabled is None or not enabled.is_on:
        return
    default = multi.at("default")
    if default is None or not default.is_on:
        what = (
            "is not on: no rule inspects traffic that belongs to no tenant; set default: yes "
            f"({SILENCED}: all rules on such traffic)"
        )
        yield (default or multi).problem("multi-detect.default", what)
    tenants, config_path = multi.at("tenants"), multi.at("config-path")
    for tenant in tenants.items if tenants else ():
        folder = Path(tenant.file).parent / (config_path.text if config_path else "")
        yield from _tenant(tenant, folder, built)


def _tenant(tenant: Setting, folder: Path, built: BuiltRules) -> Iterator[Problem]:
    number, file = tenant.at("id"), tenant.at("yaml")
    key = "multi-detect.tenants"
    if file is None:
        return
    path = folder / file.text
    try:
        loads = loads_ours(read_suricata_yaml(path), built)
    except InputError as error:
        yield from error.problems
        return
    if not loads:
        name = number.text if number else "without id"
        what = (
            f"tenant {name}: no rule of mxhound is in the rule-files of {path}: add "
            f"{built.file.absolute()} there ({SILENCED}: all rules on traffic of this tenant)"
        )
        yield file.problem(key, what)


def _logs(root: Setting) -> Iterator[Problem]:
    outputs = root.at("outputs") or root
    logs = [log for log in outputs.entries("eve-log") if not _is_disabled(log)]
    if not logs:
        what = "is missing or disabled: there is no eve.json to read; set enabled: yes"
        yield outputs.problem("outputs.eve-log", what)
        return
    for name in EVE_TYPES:
        yield from _log_type(logs, name)
    stats = root.at("stats", "enabled")
    if stats is not None and stats.is_off:
        what = (
            f"is {stats.text}: no stats record: lost packets are not known; Suricata does not "
            "start where eve-log has stats; set it to yes"
        )
        yield stats.problem("stats.enabled", what)


def _is_disabled(log: Setting) -> bool:
    enabled = log.at("enabled")
    return enabled is not None and not enabled.is_on


def _log_type(logs: list[Setting], name: str) -> Iterator[Problem]:
    """The type's setting; one eve-log that writes it is enough."""
    key = f"outputs.eve-log.types.{name}"
    found = [
        entry
        for log in logs
        for entry in (log.at("types") or log).entries(name)
        if not _is_disabled(entry)
    ]
    if not found:
        what = f"no {name} record reaches eve.json; add {name}"
        if name == "alert":
            what = f"no alert reaches eve.json; add alert ({SILENCED}: all rules)"
        yield (logs[0].at("types") or logs[0]).problem(key, f"is missing: {what}")
        return
    if name == "alert" and all(_metadata_is_off(entry) for entry in found):
        what = (
            "is off: alerts come without the metadata of the rule, "
            "and only the sid tells what they mean; leave it on"
        )
        yield found[0].problem(f"{key}.metadata", what)
    if name == "dns":
        yield from _dns_log(found, key)
    if name == "smtp" and all(entry.at("md5") is None for entry in found):
        what = "is missing: look-alike mails are not recognized; set md5: [body, subject]"
        yield found[0].problem(f"{key}.md5", what)


def _dns_log(found: list[Setting], key: str) -> Iterator[Problem]:
    for switch, lost in (
        ("requests", "questions are not logged"),
        ("responses", "names that do not exist are not recognized"),
    ):
        settings = [entry.at(switch) for entry in found]
        if all(setting is not None and setting.is_off for setting in settings):
            what = f"is off: {lost}; set it to yes"
            yield (settings[0] or found[0]).problem(f"{key}.{switch}", what)
    listed = [entry.at("types") for entry in found]
    for record in DNS_RECORDS:
        if all(
            types is not None
            and types.items
            and record not in {item.text.lower() for item in types.items}
            for types in listed
        ):
            what = f"lacks {record}: such questions are not logged; add it"
            yield (listed[0] or found[0]).problem(f"{key}.types", what)


def _metadata_is_off(alert: Setting) -> bool:
    """As `metadata: no` or `metadata: {rule: {metadata: no}}`; `metadata: {rule: no}` is not."""
    for path in (("metadata",), ("metadata", "rule", "metadata")):
        setting = alert.at(*path)
        if setting is not None and setting.is_off:
            return True
    return False

"""RuleSpec, SiteProfile, Engine -> the text of the rule for the engine, or why there is none."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from types import MappingProxyType

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from msgspec import Struct

from rulegen.addresses import AddressLists, SiteNetworks
from rulegen.site_profile import (
    SID_BLOCK,
    Network,
    NetworkThresholds,
    SiteProfile,
    Threshold,
)
from rulegen.spec import RuleSpec
from rulegen.template_files import templates_folder
from rulegen.vocabulary import (
    GUESSED_LABELS,
    METADATA_FAMILY,
    METADATA_HOST,
    METADATA_SIGNAL,
    RUNNABLE_SUFFIXES,
    Engine,
    HostSide,
)

# The engine whose rules a newer one loads unchanged, unless that has a macro of its own.
PREDECESSORS: Mapping[Engine, Engine] = MappingProxyType({Engine.SURICATA_8: Engine.SURICATA_7})
_Macro = Callable[[Mapping[str, object]], object]
# The day of the catalogue's first release.
_CREATED = "2026_11_23"


class RenderedRule(Struct, frozen=True):
    """One line of a rules file. `network` is the part of home it watches, None for the rest."""

    spec: RuleSpec
    engine: Engine
    sid: int
    threshold: Threshold | None
    network: Network | None
    text: str


class NotRendered(Struct, frozen=True):
    """A rule this build does not have, and why, in one sentence."""

    name: str
    engine: Engine
    reason: str


class _Scope(Struct, frozen=True):
    """The hosts that one copy of a rule watches, and its threshold; sid blocks count from 0."""

    block: int
    network: Network | None
    hosts: str
    threshold: Threshold | None


def render(
    spec: RuleSpec, site: SiteProfile, engine: Engine, lists: AddressLists | None = None
) -> tuple[RenderedRule | NotRendered, ...]:
    """The rule for the site, then its copies for networks with thresholds of their own.

    Empty if the engine does not need this rule. All exemptions of the site are assumed to be in
    force. `lists` collects the variables that the rules of a build share.
    """
    if not spec.concerns(engine):
        return ()
    reason = spec.not_on.get(engine)
    if reason is not None:
        return (NotRendered(spec.name, engine, reason),)
    chosen = lists or AddressLists(SiteNetworks(site), engine)
    return tuple(
        _render_scope(spec, site, engine, scope, chosen)
        for scope in _scopes(spec, site, engine, chosen)
    )


def render_file(engine: Engine, name: str, /, **values: object) -> str:
    """A file beside the rules, for example mxhound.yaml, from its template."""
    return _environment().get_template(f"{engine}/{name}.j2").render(values)


def _scopes(
    spec: RuleSpec, site: SiteProfile, engine: Engine, lists: AddressLists
) -> Iterator[_Scope]:
    exempt = _left_out(spec, site) if engine is Engine.SNORT_3 else ()
    own = [
        (block, part)
        for block, part in enumerate(site.network_thresholds, 1)
        if _has_own(spec, part)
    ]
    rest = lists.watched(None, lists.excluded([*(part.network for _, part in own), *exempt]))
    if rest or not own:
        yield _Scope(0, None, rest, spec.threshold_at(site))
    excluded = lists.excluded(exempt)
    for block, part in own:
        yield _Scope(
            block, part.network, lists.watched(part.network, excluded), part.thresholds[spec.signal]
        )


def _left_out(spec: RuleSpec, site: SiteProfile) -> Sequence[Network]:
    """Exempt networks that the rule itself excludes: Snort 3 may filter before it suppresses."""
    return [
        exemption.network
        for exemption in site.exempt
        if not exemption.signals or spec.signal in exemption.signals
    ]


def _has_own(spec: RuleSpec, part: NetworkThresholds) -> bool:
    return spec.threshold is not None and spec.signal in part.thresholds


def _render_scope(
    spec: RuleSpec, site: SiteProfile, engine: Engine, scope: _Scope, lists: AddressLists
) -> RenderedRule | NotRendered:
    if not scope.hosts:
        where = "home_networks" if scope.network is None else str(scope.network)
        reason = (
            f"no host of {where} is left to watch: "
            "every address is a mail server, a resolver or exempt"
        )
        return NotRendered(spec.name, engine, reason)
    sid = site.sid_base + spec.offset + SID_BLOCK * scope.block
    text = " ".join(
        str(_macro(spec, engine)(_context(spec, site, scope, sid, lists.external))).split()
    )
    return RenderedRule(spec, engine, sid, scope.threshold, scope.network, text)


def _macro(spec: RuleSpec, engine: Engine) -> _Macro:
    """The template macro of the rule's name; an engine without one uses its predecessor's."""
    name = f"{engine}/{spec.family}.j2"
    predecessor = PREDECESSORS.get(engine)
    if predecessor and not _has_macro(name, spec.name):
        return _macro(spec, predecessor)
    macro: _Macro = getattr(_environment().get_template(name).module, spec.name)
    return macro


@cache
def _has_macro(template: str, macro: str) -> bool:
    environment = _environment()
    return template in environment.list_templates() and hasattr(
        environment.get_template(template).module, macro
    )


def _context(
    spec: RuleSpec, site: SiteProfile, scope: _Scope, sid: int, external: str
) -> Mapping[str, object]:
    """The values that a template may use: `rule.` plus one of these names."""
    return {
        "sid": sid,
        "rev": spec.rev,
        "msg": spec.msg,
        "hosts": scope.hosts,
        "external": external,
        "smtp_ports": _port_list(site.ports.smtp),
        "submission_ports": _port_list(site.ports.submission),
        "mail_ports": _port_list(site.ports.smtp + site.ports.submission),
        "session_ports": _all_but(site.ports.without_smtp),
        "direct_ports": _all_but(site.ports.without_direct),
        "labels": GUESSED_LABELS,
        "runnable": RUNNABLE_SUFFIXES,
        "internal_domains": site.internal_domains,
        "threshold": scope.threshold,
        "target": spec.host_side.value,
        "track": "by_src" if spec.host_side is HostSide.SOURCE else "by_dst",
        "references": spec.references,
        "classtype": spec.classtype,
        "metadata": _metadata(spec),
    }


def _metadata(spec: RuleSpec) -> str:
    pairs = (
        (METADATA_SIGNAL, spec.signal.value),
        (METADATA_FAMILY, spec.family.value),
        (METADATA_HOST, spec.host_side.value),
        ("attack_target", "Client_Endpoint"),
        ("confidence", "Medium"),
        ("created_at", _CREATED),
        ("deployment", "Perimeter"),
        ("mitre_technique_id", spec.technique.replace(".", "_")),
        ("performance_impact", "Low"),
        ("signature_severity", "Major"),
        *([("updated_at", spec.updated)] if spec.updated else []),
    )
    return ", ".join(f"{key} {value}" for key, value in pairs)


def _all_but(left_out: Sequence[range]) -> str:
    """Any port except these. A rule for ports of the web makes Suricata inspect all web traffic."""
    ports = [f"!{each[0]}:{each[-1]}" if len(each) > 1 else f"!{each[0]}" for each in left_out]
    return f"[{','.join(ports)}]" if ports else "any"


def _port_list(ports: tuple[int, ...]) -> str:
    return str(ports[0]) if len(ports) == 1 else f"[{','.join(map(str, ports))}]"


def quoted(text: str) -> str:
    """Text as it must stand inside the quotes of an option."""
    return re.sub(r'([\\";:])', r"\\\1", text)


def wire_name(name: str) -> str:
    r"""A host name in the form of DNS packets, as a pcre: "a.example" is "\x01a\x07example"."""
    return "".join(f"\\x{len(label):02x}{label}" for label in name.split("."))


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(templates_folder()),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"quoted": quoted, "wire": wire_name}
    return environment

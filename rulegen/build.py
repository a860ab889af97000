"""SiteProfile and engines -> one folder of files per engine, written whole or not at all."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from types import MappingProxyType

from msgspec import Struct
from msgspec.structs import replace

from rulegen.addresses import AddressLists, SiteNetworks
from rulegen.catalogue import CATALOGUE
from rulegen.errors import InputError, Problem
from rulegen.files import write_together
from rulegen.render import NotRendered, RenderedRule, render
from rulegen.rulesfile import RULES, length_fault
from rulegen.site_profile import Exemption, SiteProfile
from rulegen.snort_files import snort_3_files, snort_29_files
from rulegen.suricata_files import suricata_files
from rulegen.vocabulary import Engine

_Files = Callable[
    [SiteProfile, Engine, Sequence[RenderedRule], Sequence[NotRendered], date, AddressLists],
    Mapping[str, str],
]
# The maker of each engine's files: file name -> text.
_FILES: Mapping[Engine, _Files] = MappingProxyType(
    {
        Engine.SURICATA_7: suricata_files,
        Engine.SURICATA_8: suricata_files,
        Engine.SNORT_29: snort_29_files,
        Engine.SNORT_3: snort_3_files,
    }
)


class EngineBuild(Struct, frozen=True):
    """The build for one engine: `files`, the rules in them, and rules left out, with reasons.

    `variables` are the address lists that the rules use by name: name and value.
    """

    engine: Engine
    files: tuple[Path, ...]
    rules: tuple[RenderedRule, ...]
    not_rendered: tuple[NotRendered, ...]
    variables: tuple[tuple[str, str], ...] = ()


class BuildResult(Struct, frozen=True):
    """All engines of one build; `expired` are exemptions that ended before the day of the build."""

    engines: tuple[EngineBuild, ...]
    expired: tuple[Exemption, ...]


def build(site: SiteProfile, engines: Sequence[Engine], out_dir: Path, today: date) -> BuildResult:
    """Write OUT_DIR/ENGINE/ for each engine (default: all). Same input, same bytes.

    Raises InputError for rules longer than an engine reads, OSError when the files cannot be
    written (see write_together).
    """
    wanted = tuple(dict.fromkeys(engines)) or tuple(Engine)
    in_force = replace(
        site, exempt=tuple(exemption for exemption in site.exempt if exemption.in_force(today))
    )
    networks = SiteNetworks(in_force)
    lists = {engine: AddressLists(networks, engine) for engine in wanted}
    rendered = {engine: render_all(in_force, engine, lists[engine]) for engine in wanted}
    _refuse_long(out_dir, [rule for rules, _ in rendered.values() for rule in rules])
    texts = {
        out_dir / engine / name: text
        for engine, (rules, left_out) in rendered.items()
        for name, text in _FILES[engine](
            site, engine, rules, left_out, today, lists[engine]
        ).items()
    }
    write_together(texts)
    builds = tuple(
        EngineBuild(
            engine,
            tuple(path for path in texts if path.parent.name == engine),
            rules,
            left_out,
            tuple(lists[engine].variables),
        )
        for engine, (rules, left_out) in rendered.items()
    )
    return BuildResult(
        builds, tuple(exemption for exemption in site.exempt if not exemption.in_force(today))
    )


def render_all(
    site: SiteProfile, engine: Engine, lists: AddressLists | None = None
) -> tuple[tuple[RenderedRule, ...], tuple[NotRendered, ...]]:
    """The whole catalogue for one engine, in the order of the sids, and rules it cannot have."""
    shared = lists or AddressLists(SiteNetworks(site), engine)
    results = [result for spec in CATALOGUE for result in render(spec, site, engine, shared)]
    rules = sorted(
        (result for result in results if isinstance(result, RenderedRule)),
        key=lambda rule: rule.sid,
    )
    return tuple(rules), tuple(result for result in results if isinstance(result, NotRendered))


def _refuse_long(out_dir: Path, rules: Iterable[RenderedRule]) -> None:
    faults = [(rule, length_fault(rule.text, rule.engine)) for rule in rules]
    problems = [
        Problem(str(out_dir / rule.engine / RULES), f"sid {rule.sid} ({rule.spec.name}): {fault}")
        for rule, fault in faults
        if fault
    ]
    if problems:
        raise InputError(problems)

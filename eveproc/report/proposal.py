"""Discovery -> a proposed site.yaml with evidence, or its differences from a profile."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from textwrap import fill
from types import MappingProxyType

from msgspec.structs import replace

from eveproc.discovery.discover import Difference, Discovery, Named
from eveproc.report.sanitize import safe
from eveproc.report.times import span
from eveproc.verdicts.roles import Confidence, Role, RoleFinding
from rulegen.site_profile import is_domain
from rulegen.units import count_of

MOST_LISTED, WIDTH = 20, 98
# The signals that a host in such a role is exempt from.
EXEMPT: Mapping[Role, str] = MappingProxyType(
    {
        Role.MONITOR: "smtp_attempts, submission_attempts, smtp_sessions, name_guess",
        Role.SCANNER: "smtp_attempts, submission_attempts",
    }
)
_HEAD = """\
# Proposed by eveproc discover from records of {span}: {hosts}.
# Check each entry. No program changes this file afterwards. docs/site.md explains
# every key.
"""
_TAIL = """\
# Hosts exempt from `signals`, with the reason and, optionally, the last day.
# Candidates:
# exempt:
{exempt}
# External servers to which several hosts submit mail. For information only, without a key:
{submission}
"""
_DOUBTFUL = " Check it; to accept it, uncomment it."


def render(discovery: Discovery) -> str:
    """Valid YAML if a home network was found; doubtful entries are comments."""
    when = span(discovery.first, discovery.last)
    parts = [
        _HEAD.format(span=when, hosts=count_of(discovery.hosts, "host")),
        *_missing(discovery),
        _listed("Networks whose hosts are monitored.", "home_networks", _networks(discovery)),
        _listed(
            "Hosts that may send mail to external servers.",
            "mail_servers",
            _entries(discovery.of(Role.MAIL_SERVER)),
        ),
        _listed(
            "DNS servers that query on behalf of other hosts.",
            "resolvers",
            _entries(discovery.of(Role.RESOLVER)),
        ),
        _listed(
            "Your own domains: names below them do not count as guessed.",
            "internal_domains",
            _names(one for one in discovery.domains if is_domain(one.name)),
        ),
        *_separate_by(discovery),
        _TAIL.format(
            exempt="\n".join(_exempt(discovery)),
            submission="\n".join(_submission(discovery.submission)),
        ),
    ]
    return "\n".join(parts)


def render_differences(found: Iterable[Difference], missing: Sequence[str] = ()) -> str:
    """One line each: "+" if only the logs have it, "-" if only the profile has it.

    `missing` lists what these logs cannot show; it counts as no difference.
    """
    lines = [
        f"{'+' if one.is_found else '-'} {one.key}: {safe(one.value)}  ({safe(one.why)})"
        for one in found
    ]
    if not lines and not missing:
        lines = ["no difference: the logs agree with the profile"]
    return "\n".join([*map(_comment, missing), *lines]) + "\n"


def _separate_by(discovery: Discovery) -> Iterator[str]:
    """Fields that tell networks with the same addresses apart, as comments."""
    if discovery.separate_by:
        about = "Fields that keep networks with the same addresses apart."
        found = (
            line
            for one in discovery.separate_by
            for line in (f"# {one.why}.{_DOUBTFUL}", f"# separate_by: [{one.name}]")
        )
        yield "\n".join([f"# {about}", *found, ""])


def _missing(discovery: Discovery) -> Iterator[str]:
    if discovery.missing:
        notes = (_comment(f"Incomplete: {what}.") for what in discovery.missing)
        yield "\n".join([*notes, ""])


def _comment(text: str) -> str:
    return fill(text, WIDTH, initial_indent="# ", subsequent_indent="#   ")


def _networks(discovery: Discovery) -> Iterator[str]:
    """The home networks; other networks seen are comments, as they may overlap."""
    yield from (f'  - "{network}"' for network in discovery.home_networks)
    met = discovery.networks[:MOST_LISTED]
    yield from _names(replace(one, confidence=Confidence.MEDIUM) for one in met)


def _listed(about: str, key: str, entries: Iterable[str]) -> str:
    lines = list(entries)
    empty = not any(line.lstrip().startswith("-") for line in lines)
    return "\n".join([f"# {about}", f"{key}:{' []' if empty else ''}", *lines, ""])


def _entries(findings: Sequence[RoleFinding]) -> Iterator[str]:
    for finding in findings:
        yield f"  # {finding.confidence}: {finding.why}.{_doubt(finding)}"
        yield _entry(finding.host, finding.confidence)


def _names(found: Iterable[Named]) -> Iterator[str]:
    for one in found:
        yield f"  # {one.why}.{_doubt(one)}"
        yield _entry(one.name, one.confidence)


def _doubt(found: RoleFinding | Named) -> str:
    return "" if found.confidence is Confidence.HIGH else _DOUBTFUL


def _entry(value: str, confidence: Confidence) -> str:
    return f'  {"" if confidence is Confidence.HIGH else "# "}- "{value}"'


def _exempt(discovery: Discovery) -> Iterator[str]:
    found = [finding for role in EXEMPT for finding in discovery.of(role)]
    for finding in found:
        yield f"#   # {finding.role}: {finding.why}."
        entry = f'address: "{finding.host}", signals: [{EXEMPT[finding.role]}], reason: FILL IN'
        yield f"#   - {{{entry}}}"
    if not found:
        yield "#   (none was seen)"


def _submission(servers: Sequence[Named]) -> Iterator[str]:
    yield from (f"#   {server.name}  {server.why}" for server in servers[:MOST_LISTED])
    if not servers:
        yield "#   (none was seen)"

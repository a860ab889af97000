"""Discovery -> the text of a proposed site.yaml, each entry with its evidence; or what differs from a profile that exists."""

from collections.abc import Iterable, Iterator, Sequence

from eveproc.discovery.discover import Confidence, Difference, Discovery, Named, Role, RoleFinding
from eveproc.report.sanitize import safe
from eveproc.report.times import span
from rulegen.site_profile import is_domain

MOST_LISTED = 20
_HEAD = """\
# Proposed by eveproc discover from records of {span}: {hosts} hosts.
# Look each entry over, then it is yours: no program changes this file. docs/site.md has every key.
"""
_TAIL = """\
# Hosts that may do what `signals` name, with the reason and, if you like, the last day. What looks like one:
# exempt:
{exempt}
# Outside servers at which several hosts hand in mail; for your information, there is no key for them:
{submission}
"""


def render(discovery: Discovery) -> str:
    """YAML that loads as it is, where a home network was found; doubtful entries are comments."""
    parts = [
        _HEAD.format(span=span(discovery.first, discovery.last), hosts=discovery.hosts),
        _listed(
            "Networks whose hosts are watched.",
            "home_networks",
            (f'  - "{network}"' for network in discovery.home_networks),
        ),
        _listed(
            "Hosts that may send mail to the outside.",
            "mail_servers",
            _entries(discovery.of(Role.MAIL_SERVER)),
        ),
        _listed(
            "DNS servers that ask on behalf of others.",
            "resolvers",
            _entries(discovery.of(Role.RESOLVER)),
        ),
        _listed(
            "Your own domains: names below them do not count as guessed.",
            "internal_domains",
            _names(discovery.domains),
        ),
        _TAIL.format(
            exempt="\n".join(_exempt(discovery)),
            submission="\n".join(_submission(discovery.submission)),
        ),
    ]
    return "\n".join(parts)


def render_differences(found: Iterable[Difference]) -> str:
    """A line each: + the logs show it and the profile lacks it, - the profile has it and the logs do not show it."""
    lines = [
        f"{'+' if one.is_found else '-'} {one.key}: {safe(one.value)}  ({safe(one.why)})"
        for one in found
    ]
    return "\n".join(lines or ["no difference: the logs show what the profile says"]) + "\n"


def _listed(about: str, key: str, entries: Iterable[str]) -> str:
    lines = list(entries)
    empty = not any(line.lstrip().startswith("-") for line in lines)
    return "\n".join([f"# {about}", f"{key}:{' []' if empty else ''}", *lines, ""])


def _entries(findings: Sequence[RoleFinding]) -> Iterator[str]:
    for finding in findings:
        sure = finding.confidence is Confidence.HIGH
        doubt = "" if sure else " Look at it, then remove the mark of a comment."
        yield f"  # {finding.confidence}: {finding.why}.{doubt}"
        yield f'  {"" if sure else "# "}- "{finding.host}"'


def _names(domains: Sequence[Named]) -> Iterator[str]:
    """A name from the wire that is no domain name is left out."""
    for domain in domains:
        if is_domain(domain.name):
            yield f"  # {domain.why}."
            yield f'  - "{domain.name}"'


def _exempt(discovery: Discovery) -> Iterator[str]:
    signals = {
        Role.MONITOR: "smtp_attempts, submission_attempts, smtp_sessions, name_guess",
        Role.SCANNER: "smtp_attempts, submission_attempts",
    }
    found = [finding for role in signals for finding in discovery.of(role)]
    for finding in found:
        yield f"#   # {finding.role}: {finding.why}."
        yield f'#   - {{address: "{finding.host}", signals: [{signals[finding.role]}], reason: FILL IN}}'
    if not found:
        yield "#   (none was seen)"


def _submission(servers: Sequence[Named]) -> Iterator[str]:
    yield from (f"#   {server.name}  {server.why}" for server in servers[:MOST_LISTED])
    if not servers:
        yield "#   (none was seen)"

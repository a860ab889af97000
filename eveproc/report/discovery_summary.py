"""Discovery -> a few lines: what is certain about the site, and what has to be decided."""

from collections.abc import Iterator
from textwrap import wrap

from eveproc.discovery.discover import Discovery
from eveproc.report.proposal import EXEMPT
from eveproc.report.sanitize import safe
from eveproc.verdicts.roles import Confidence, Role
from rulegen.site_profile import is_domain
from rulegen.units import count_of

# Maximum number of questions in the summary; the proposal has all of them.
MOST_ASKED, WIDTH = 12, 98


def render(discovery: Discovery) -> str:
    """Text that ends with a line end; the proposal has the same with its evidence."""
    asked = list(_questions(discovery))
    lines = [f"Certain: {_certain(discovery)}."]
    lines.append(
        f"To decide: {count_of(len(asked), 'question')}." if asked else "To decide: nothing."
    )
    for question in asked[:MOST_ASKED]:
        lines += wrap(f"? {question}", WIDTH, initial_indent="  ", subsequent_indent="    ")
    if len(asked) > MOST_ASKED:
        lines.append(f"  ... and {len(asked) - MOST_ASKED} more in the comments of the proposal")
    for what in discovery.missing:
        lines += wrap(f"Not seen: {what}.", WIDTH, subsequent_indent="  ")
    return "".join(f"{line}\n" for line in lines)


def _certain(discovery: Discovery) -> str:
    domains = [one for one in discovery.domains if is_domain(one.name)]
    numbers = (
        (len(discovery.home_networks), "home network"),
        (_sure(discovery, Role.MAIL_SERVER), "mail server"),
        (_sure(discovery, Role.RESOLVER), "resolver"),
        (sum(one.confidence is Confidence.HIGH for one in domains), "mail domain"),
    )
    return ", ".join(count_of(number, noun) for number, noun in numbers)


def _sure(discovery: Discovery, role: Role) -> int:
    return sum(one.confidence is Confidence.HIGH for one in discovery.of(role))


def _questions(discovery: Discovery) -> Iterator[str]:
    """One for each doubtful entry of the proposal, in its order."""
    for network in discovery.networks:
        yield f"home_networks: is {safe(network.name)} yours? {safe(network.why)}"
    for role, noun in ((Role.MAIL_SERVER, "mail server"), (Role.RESOLVER, "resolver")):
        for one in discovery.of(role):
            if one.confidence is not Confidence.HIGH:
                yield f"{role}: is {safe(one.host)} a {noun}? {safe(one.why)}"
    for domain in discovery.domains:
        if domain.confidence is not Confidence.HIGH and is_domain(domain.name):
            yield f"internal_domains: is {safe(domain.name)} yours? {safe(domain.why)}"
    for field in discovery.separate_by:
        yield f"separate_by: does {safe(field.name)} tell your networks apart? {safe(field.why)}"
    for role in EXEMPT:
        for one in discovery.of(role):
            yield f"exempt: is {safe(one.host)} a {one.role} that you know? {safe(one.why)}"

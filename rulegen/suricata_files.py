"""Rendered rules -> the four files for Suricata: rules, suppressions, sid-msg.map and settings."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from rulegen.addresses import AddressLists
from rulegen.render import NotRendered, RenderedRule, render_file
from rulegen.rulesfile import (
    RULES,
    SID_MAP,
    lines,
    rules_text,
    sid_map_text,
    suppress_lines,
)
from rulegen.site_profile import SiteProfile
from rulegen.vocabulary import Engine

THRESHOLDS = "threshold.config"
SETTINGS = "mxhound.yaml"
# Keys of that file; a site may have none of some groups.
SETTING_KEYS = (
    "rule-files.mxhound",
    "threshold-file",
    "app-layer.protocols.smtp.mime.body-md5",
    "outputs.mxhound",
    "outputs.mxhound.eve-log",
)
GROUP_KEYS = tuple(
    f"vars.address-groups.{name}" for name in ("HOME_NET", "SMTP_SERVERS", "DNS_SERVERS")
)

# Where docs/loading-rules.md puts a build. It is written into mxhound.yaml, because Suricata does
# not resolve paths relative to an included file.
FOLDER = "/etc/suricata/mxhound"


def suricata_files(
    site: SiteProfile,
    engine: Engine,
    rules: Sequence[RenderedRule],
    left_out: Sequence[NotRendered],
    today: date,
    lists: AddressLists,
) -> Mapping[str, str]:
    """File name -> text, for one engine."""
    return {
        RULES: rules_text(site, engine, rules, left_out),
        THRESHOLDS: lines(_thresholds(site, rules, today)),
        SID_MAP: sid_map_text(rules),
        SETTINGS: render_file(
            engine,
            SETTINGS,
            engine=engine,
            folder=FOLDER,
            variables=lists.groups(),
            own_variables=lists.variables,
        ),
    }


def _thresholds(site: SiteProfile, rules: Sequence[RenderedRule], today: date) -> Iterator[str]:
    yield (
        "# Suppressions made by rulegen from `exempt` of the site's profile; "
        "the next build overwrites this file."
    )
    yield from suppress_lines(site, rules, today)

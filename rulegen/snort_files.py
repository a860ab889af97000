"""The rendered rules of a site -> the files of a Snort: rules, filters, sid-msg.map, settings."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from rulegen.addresses import AddressLists
from rulegen.render import NotRendered, RenderedRule, render_file
from rulegen.rulesfile import (
    RULES,
    SID_MAP,
    headed_exemptions,
    lines,
    rules_text,
    sid_map_text,
    suppress_lines,
    track,
)
from rulegen.site_profile import SiteProfile
from rulegen.vocabulary import Engine

# Snort 2.9 reads filters and settings from two files, because a fragment cannot include a file that
# lies beside it.
THRESHOLDS_29 = "mxhound-threshold.conf"
SETTINGS_29 = "mxhound.conf"
SETTINGS_3 = "mxhound.lua"
# Where docs/loading-snort.md puts a build; used in comments only.
FOLDER = "/etc/snort/mxhound"

# Fields of Snort 3's alert_json that eveproc reads: `seconds` has the year and is free of time
# zones, the others name rule and hosts.
JSON_FIELDS = "seconds timestamp src_addr src_port dst_addr dst_port proto sid gid rev msg b64_data"


def snort_29_files(
    site: SiteProfile,
    engine: Engine,
    rules: Sequence[RenderedRule],
    left_out: Sequence[NotRendered],
    today: date,
    lists: AddressLists,
) -> Mapping[str, str]:
    """File name -> text, for Snort 2.9."""
    return {
        RULES: rules_text(site, engine, rules, left_out),
        THRESHOLDS_29: lines(_thresholds(site, rules, today)),
        SID_MAP: sid_map_text(rules),
        SETTINGS_29: render_file(
            engine,
            SETTINGS_29,
            folder=FOLDER,
            variables=lists.groups(),
            own_variables=lists.variables,
        ),
    }


def snort_3_files(
    site: SiteProfile,
    engine: Engine,
    rules: Sequence[RenderedRule],
    left_out: Sequence[NotRendered],
    today: date,
    lists: AddressLists,
) -> Mapping[str, str]:
    """File name -> text, for Snort 3."""
    settings = render_file(
        engine,
        SETTINGS_3,
        folder=FOLDER,
        variables=lists.groups(),
        own_variables=lists.variables,
        fields=JSON_FIELDS,
        mail_ports=" ".join(map(str, site.ports.smtp + site.ports.submission)),
        filters=[
            (rule.spec.name, rule.sid, track(rule), rule.threshold.seconds)
            for rule in rules
            if rule.threshold
        ],
        exemptions=list(headed_exemptions(site, rules, today)),
    )
    return {
        RULES: rules_text(site, engine, rules, left_out),
        SID_MAP: sid_map_text(rules),
        SETTINGS_3: settings,
    }


def _thresholds(site: SiteProfile, rules: Sequence[RenderedRule], today: date) -> Iterator[str]:
    yield (
        "# Filters and suppressions made by rulegen from the site's profile; "
        "the next build overwrites this file."
    )
    yield (
        "# Each rule counts up to its threshold (detection_filter); "
        "the filter here logs the first alert of each window."
    )
    for rule in rules:
        if rule.threshold:
            limit = f"type limit, track {track(rule)}, count 1, seconds {rule.threshold.seconds}"
            yield f"event_filter gen_id 1, sig_id {rule.sid}, {limit}"
    yield from suppress_lines(site, rules, today)

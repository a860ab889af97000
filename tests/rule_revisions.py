"""The catalogue -> tests/data/rule_revisions.json: for each rule and engine its rev and the digest
of its text.

`python -m tests.rule_revisions` writes the file; it refuses where a text has changed under the same
rev.
"""

import json
import sys
from collections.abc import Mapping
from hashlib import sha256
from ipaddress import ip_network
from pathlib import Path

from rulegen.build import render_all
from rulegen.site_profile import SiteProfile
from rulegen.vocabulary import Engine

FILE = Path(__file__).parent / "data" / "rule_revisions.json"
# Fixed here, so that only a change of a rule or template changes a digest.
SITE = SiteProfile(
    home_networks=(ip_network("10.20.0.0/16"), ip_network("2001:db8:20::/48")),
    mail_servers=(ip_network("10.20.0.25"),),
    resolvers=(ip_network("10.20.0.53"),),
    internal_domains=("example.org",),
)

Revisions = Mapping[str, Mapping[str, object]]


def current() -> Revisions:
    """{"suricata-7/mx_flood": {"rev": 1, "sha256": "..."}, ...} of the rules as they are now."""
    rules = [rule for engine in Engine for rule in render_all(SITE, engine)[0]]
    return {
        f"{rule.engine}/{rule.spec.name}": {
            "rev": rule.spec.rev,
            "sha256": sha256(rule.text.encode()).hexdigest(),
        }
        for rule in rules
    }


def recorded() -> Revisions:
    found: Revisions = json.loads(FILE.read_text()) if FILE.exists() else {}
    return found


def faults(old: Revisions, new: Revisions) -> list[str]:
    """Rules whose text and rev do not change together."""
    both = sorted(set(old) & set(new))
    return [
        f"{name}: its text changed under rev {new[name]['rev']}; raise `rev` in rulegen/catalogue, "
        "then python -m tests.rule_revisions"
        for name in both
        if old[name]["sha256"] != new[name]["sha256"] and old[name]["rev"] == new[name]["rev"]
    ]


if __name__ == "__main__":
    wrong = faults(recorded(), current())
    if wrong:
        sys.exit("\n".join(wrong))
    FILE.write_text(json.dumps(current(), indent=2, sort_keys=True) + "\n")

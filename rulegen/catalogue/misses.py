"""What Suricata's rules do not see because they are for some ports only, by engine: RuleSpec.misses."""

from types import MappingProxyType

from rulegen.vocabulary import SURICATAS

# By default Suricata takes nothing else for DNS.
NOT_PORT_53 = MappingProxyType(
    dict.fromkeys(SURICATAS, "DNS on other ports than 53, where suricata.yaml has such taken for DNS (detection-ports)")
)
ON_WEB_PORTS = MappingProxyType(
    dict.fromkeys(SURICATAS, "SMTP on the ports of the web (80, 443), unless the site profile has them among its `ports`")
)

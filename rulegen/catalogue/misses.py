"""What Suricata's rules do not see because they are for some ports only: RuleSpec.misses."""

from types import MappingProxyType

from rulegen.vocabulary import SURICATAS

# By default Suricata takes nothing else for DNS, but for DNS over HTTP/2 in clear.
NOT_PORT_53 = MappingProxyType(
    dict.fromkeys(
        SURICATAS,
        "DNS on ports other than 53 (detection-ports in suricata.yaml), and over decrypted HTTP/2",
    )
)
ON_WEB_PORTS = MappingProxyType(
    dict.fromkeys(
        SURICATAS, "SMTP on web ports (80, 81, 443, 444), unless the site uses them for mail"
    )
)

"""What a mass mailer asks the DNS -> the lookup rules (offsets 1 to 99)."""

from types import MappingProxyType

from msgspec.structs import replace

from rulegen.catalogue.misses import NOT_PORT_53
from rulegen.site_profile import Threshold
from rulegen.spec import Reference, RuleSpec
from rulegen.vocabulary import SNORTS, Engine, HostSide, Signal

_DNS = "T1071.004"
_MX = Reference("url", "www.rfc-editor.org/rfc/rfc5321#section-5")
_TECHNIQUE = Reference("url", "attack.mitre.org/techniques/T1071/004")

# Snort 2.9 has no rules by protocol, and those of Snort 3 are silent where a configuration lacks
# its dns inspector.
_PORT_53 = "DNS on ports other than 53; queries over TCP, which {} counts separately"


def _port_53(name: str, *, more: str = "") -> MappingProxyType[Engine, str]:
    return MappingProxyType({**NOT_PORT_53, **dict.fromkeys(SNORTS, _PORT_53.format(name) + more)})


_ON_UDP = (
    RuleSpec(
        name="mx_flood",
        signal=Signal.MX_FLOOD,
        offset=1,
        rev=3,
        msg="MXHOUND LOOKUP Many MX lookups by a host that is no mail server",
        sees="many DNS queries of type MX (mail exchanger) in a short time, over UDP or TCP, to "
        "any resolver",
        mistaken_for=(
            "a mail server or resolver that the site profile does not declare",
            "an address checker or mailing-list cleaner",
            "a DNS tunnel: many MX queries below one domain and no SMTP",
        ),
        next_step="Check which domains it queried and whether it then connected to port 25; "
        "declare it if it is a mail server or resolver.",
        references=(_MX,),
        technique=_DNS,
        classtype="trojan-activity",
        threshold=Threshold(10, 60),
        threshold_source="A workstation sends no MX queries at all (Whyte, van Oorschot, Kranakis "
        "2006); an administrator sends a dozen a day; DNS tunnels and flooding worms send 40 "
        "or more a minute.",
        misses=_port_53("mx_flood_tcp"),
        updated="2026_11_28",
    ),
    RuleSpec(
        name="mx_slow",
        signal=Signal.MX_SLOW,
        offset=2,
        rev=3,
        msg="MXHOUND LOOKUP Steady MX lookups by a host that is no mail server",
        sees="DNS queries of type MX that continue for an hour, too few per minute to be a flood",
        mistaken_for=(
            "a mail server or resolver that the site profile does not declare",
            "an administrator who works on mail for an hour",
            "monitoring that checks MX records on a timer: always the same names",
        ),
        next_step="Compare the names: a mass mailer keeps querying new domains, monitoring "
        "repeats a few.",
        references=(_MX,),
        technique=_DNS,
        classtype="trojan-activity",
        threshold=Threshold(15, 3600),
        threshold_source="Above an administrator's dozen lookups; below the 20 lookups an hour of "
        "a sender of 20 mails an hour.",
        misses=_port_53(
            "mx_slow_tcp", more="; whether a host receives mail: mail servers trigger it as well"
        ),
        updated="2026_11_28",
    ),
    RuleSpec(
        name="name_guess",
        signal=Signal.NAME_GUESS,
        offset=3,
        rev=2,
        msg="MXHOUND LOOKUP Many lookups of guessed mail server names",
        sees="many DNS queries of type A for names that start with mail, smtp, mx, relay and the "
        "like, outside the site's own domains",
        mistaken_for=(
            "a monitoring host or broken program that keeps querying one such name",
            "a web crawler",
            "a mail client that looks for its provider's servers",
            "a resolver that the site profile does not declare",
        ),
        next_step="Count the distinct domains: one or two names queried repeatedly do not "
        "indicate a mass mailer, dozens of domains do.",
        references=(_TECHNIQUE,),
        technique=_DNS,
        classtype="trojan-activity",
        threshold=Threshold(20, 300),
        threshold_source="Office clients sent at most 3 in 300 s (a day of a real office); Emotet "
        "2021 sent 571 in 300 s, 183 in 60 s.",
        misses=_port_53("name_guess_tcp"),
        updated="2026_11_28",
    ),
    RuleSpec(
        name="name_guess_nx",
        signal=Signal.NAME_GUESS_NX,
        offset=4,
        rev=2,
        msg="MXHOUND LOOKUP Many guessed mail server names that do not exist",
        sees="many NXDOMAIN answers to queries of type A for names that start with mail, smtp, "
        "mx, relay and the like",
        mistaken_for=(
            "a program with a wrong server name in its settings that keeps querying it",
            "a mail client that looks for its provider's servers",
            "a resolver that the site profile does not declare",
        ),
        next_step="Count the distinct domains queried; correct the settings if it is a single "
        "name.",
        references=(_TECHNIQUE,),
        technique=_DNS,
        classtype="trojan-activity",
        threshold=Threshold(10, 300),
        threshold_source="W32/Mytob.A tries six or more names in each domain (Ludena Romana, "
        "Musashi 2005), most of which do not exist; a mail client tries four at setup in one "
        "domain.",
        host_side=HostSide.DESTINATION,
        misses=_port_53("name_guess_nx_tcp"),
        updated="2026_11_24",
    ),
)


def _over_tcp(spec: RuleSpec, offset: int) -> RuleSpec:
    """The same for questions and answers over TCP, where an engine needs a rule of its own for
    them.
    """
    return replace(
        spec,
        name=f"{spec.name}_tcp",
        offset=offset,
        msg=f"{spec.msg} over TCP",
        sees=f"the same as {spec.name}, over TCP only",
        misses=MappingProxyType(
            dict.fromkeys(
                SNORTS, f"DNS on ports other than 53; queries over UDP, which {spec.name} counts"
            )
        ),
        only_for=SNORTS,
    )


LOOKUP = (*_ON_UDP, *(_over_tcp(spec, offset) for offset, spec in enumerate(_ON_UDP, start=5)))

"""Engines -> rules for any site, with the engine's variables for addresses, for suricata-update.

Such a build depends on no site: HOME_NET, SMTP_SERVERS and DNS_SERVERS of each suricata.yaml say
which hosts are watched. With Suricata's default values (SMTP_SERVERS and DNS_SERVERS are
"$HOME_NET") none of its rules loads; `rulegen check --suricata-yaml` reports that.
"""

import gzip
import io
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import BinaryIO

from msgspec import Struct

from rulegen.addresses import AddressLists, Excluded, SiteNetworks
from rulegen.build import render_all
from rulegen.files import SHARED, write_stream, write_together
from rulegen.render import NotRendered, RenderedRule
from rulegen.rulesfile import RULES, SID_MAP, TITLE, rules_below, sid_map_text
from rulegen.site_profile import Network, SiteProfile
from rulegen.vocabulary import SURICATAS, Engine

HOME, SERVERS = "$HOME_NET", ("$SMTP_SERVERS", "$DNS_SERVERS")
INDEX = "index.yaml"
LICENSE = "MIT"
_NOBODY = SiteProfile(home_networks=())


class GenericLists(AddressLists):
    """Every rule watches the hosts of HOME_NET except the servers, whatever the part of home."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(SiteNetworks(_NOBODY), engine)

    def watched(self, part: Network | None = None, excluded: Excluded | None = None) -> str:
        """The hosts that a rule watches; there are no parts and no exceptions of a site."""
        return f"[{','.join((HOME, *(f'!{name}' for name in SERVERS)))}]"

    @cached_property
    def external(self) -> str:
        """Everything that is not home; EXTERNAL_NET is "any" at many sites."""
        return f"!{HOME}"


class GenericBuild(Struct, frozen=True):
    """The build for one Suricata: the archive to fetch, its rules, and those left out."""

    engine: Engine
    archive: Path
    rules: tuple[RenderedRule, ...]
    not_rendered: tuple[NotRendered, ...]


def build_generic(engines: Sequence[Engine], out_dir: Path) -> tuple[GenericBuild, ...]:
    """Write a folder and an archive of rules for each Suricata, and the index of the archives.

    Default: all versions of Suricata. Same input, same bytes. Raises MxhoundError or OSError when
    the files cannot be written.
    """
    builds = []
    for engine in tuple(dict.fromkeys(engines)) or SURICATAS:
        rules, left_out = render_all(_NOBODY, engine, GenericLists(engine))
        builds.append(GenericBuild(engine, out_dir / archive_name(engine), rules, left_out))
    texts = {build.engine: _texts(build) for build in builds}
    write_together(
        {
            out_dir / engine / name: text
            for engine, files in texts.items()
            for name, text in files.items()
        }
    )
    for build in builds:
        write_stream(build.archive, partial(_write_archive, files=texts[build.engine]), SHARED)
    write_together({out_dir / INDEX: "".join(f"{line}\n" for line in _index(builds))})
    return tuple(builds)


def archive_name(engine: Engine) -> str:
    """The name of an archive of rules, as suricata-update fetches it."""
    return f"mxhound-{engine}.rules.tar.gz"


def is_generic(header: str) -> bool:
    """True for the header of a rule of such a build."""
    return HOME in header


def _texts(build: GenericBuild) -> dict[str, str]:
    head = (
        f"{TITLE}{build.engine}, made by rulegen build --generic: for any site.",
        "# Hosts: HOME_NET but SMTP_SERVERS and DNS_SERVERS, as suricata.yaml sets them. With the",
        '# values that Suricata is shipped with ("$HOME_NET"), these rules do not load.',
    )
    return {
        RULES: rules_below(head, build.engine, build.rules, build.not_rendered),
        SID_MAP: sid_map_text(build.rules),
    }


def _write_archive(file: BinaryIO, files: Mapping[str, str]) -> None:
    """A gzipped tar of the rules without times, owners or names of this machine."""
    packed = gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0)
    with packed, tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(f"rules/{name}")
            content = text.encode()
            entry.size, entry.mode = len(content), 0o644
            archive.addfile(entry, io.BytesIO(content))


def _index(builds: Sequence[GenericBuild]) -> Iterator[str]:
    """An index of sources as suricata-update reads it."""
    yield "version: 1"
    yield "sources:"
    for build in builds:
        yield f"  mxhound/{build.engine}:"
        yield "    summary: Hosts that send mail in masses"
        yield f"    description: For {build.engine}. It needs SMTP_SERVERS and DNS_SERVERS."
        yield "    vendor: mxhound"
        yield f"    license: {LICENSE}"
        yield f'    url: "{build.archive.absolute().as_uri()}"'
        yield "    checksum: false"

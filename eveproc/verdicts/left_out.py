"""EvidenceStore -> what was left out because there was more than its bounds allow, in sentences."""

from collections.abc import Iterator

from eveproc.evidence.host_names import MOST_ADDRESSES
from eveproc.evidence.server_names import MOST_SERVERS
from eveproc.evidence.store import MOST_ACTIVE, MOST_HOSTS, EvidenceStore


def left_out(store: EvidenceStore) -> Iterator[str]:
    """A sentence for each bound that was reached."""
    if store.hosts_sampled:
        kept = f"one in {1 << store.hosts_sampled}"
        yield (
            f"more than {MOST_HOSTS} home addresses have evidence; only that of {kept} was "
            "kept. Check home_networks"
        )
    if store.active_sampled:
        kept = f"one in {1 << store.active_sampled}"
        yield (
            f"more than {MOST_ACTIVE} home addresses were seen; only {kept} of the clean "
            "ones is counted. Check home_networks"
        )
    if store.server_names.sampled:
        kept = f"one in {1 << store.server_names.sampled}"
        yield (
            f"more than {MOST_SERVERS} addresses of external servers have names; those of {kept} "
            "are used, each other address counts as a server of its own"
        )
    yield from store.leases.sentences()
    yield from store.macs.sentences()
    if store.host_names.sampled:
        yield (
            f"more than {MOST_ADDRESSES} home addresses have names of users or machines; those of "
            f"one in {1 << store.host_names.sampled} are reported"
        )

"""The containers that are tested -> docs/inputs.md, with one line of example each."""

import json

from eveproc.input.envelope import MAX_DEPTH
from tests.eveproc.input.containers import CONTAINERS, Container, Record

SHOWN = 300
RECORD: Record = json.loads(
    '{"timestamp":"2026-03-02T08:00:00.000000+0000","flow_id":1,"event_type":"dns","src_ip":"10.20.1.7",'
    '"src_port":40000,"dest_ip":"10.20.0.53","dest_port":53,"proto":"UDP","dns":{"version":2,'
    '"type":"query","id":7,"rrname":"example.org","rrtype":"MX"}}'
)

_HEAD = f"""\
# Inputs: where EVE records are found

Made from tests/eveproc/input/containers.py by `make pages`; do not edit. For each container a test holds the verdicts to those of the
plain records, to the byte.

## How records are found

There is no option for the container. A record is an object with `event_type` and one of `timestamp`, `@timestamp`, `flow_id`, `src_ip`,
`dest_ip`, or with an object named like the event type. It is found

- behind text, in which no quote may be open: what stands in quotes may have been sent by somebody on the network;
- under any path of keys and arrays, and in text that holds JSON (escaped once, twice or three times), up to {MAX_DEPTH} steps deep;
- more than once on a line, and in an array under a key;
- flattened (`dns.rrname`, `_dns_rrname`), with each value in a list (`fields`), and as Elastic's module maps it to the Elastic Common
  Schema (`source.ip`, `destination.port`, `network.transport`, `event.start`).

Where an event is there twice, the more complete copy is read, and of equal ones the original text. The path is remembered: the next
line is looked through again only where that path leads to nothing. The statistics (stderr, and `--stats`) count records by container.
Lines that hold no record are counted as skipped, with the reason; records that are cut off are counted as `half_line`. A file without
any record is refused by name, with exit code 1, as are files in which every record is cut off.

## Types

- Numbers may be text or floats: `25`, `"25"`, `"25.0"`, `25.0`. `proto` may be a name or a number: `"TCP"`, `"006"`, `"6"`, `6`.
- Times are ISO 8601, with a point or a comma before the fraction, or numbers (or text) in seconds, milliseconds, microseconds or
  nanoseconds since 1970, told apart by their size. Zone names of Windows ("Eastern Daylight Time") and the common abbreviations are
  known. **A time without a zone, or with a zone name that is not known, is UTC.**
- Without `timestamp`, a record has the time in `@timestamp`, or else in a field for the time around it (`time`, `event_timestamp`).
- Without a `host`, `host.name` is no substitute unless it stands in the record itself.

## What is not read

Records in base64, in UTF-16 (convert with `iconv`), or in partial lines of CRI or Docker (16 KiB; they count as `half_line`).

## Containers
"""


def inputs_page() -> str:
    """The whole page, containers in the order in which they are tested."""
    return "\n".join([_HEAD, *map(_section, CONTAINERS)])


def _section(container: Container) -> str:
    reported = f"In the statistics: `{container.reported}`.\n\n" if container.reported else ""
    return f"### {container.title}\n\n{reported}{_example(container)}\n"


def _example(container: Container) -> str:
    content = container.wrap([RECORD])
    text = content.decode("utf-8", "replace").replace("\0", "")
    if container.title.startswith(("tar", "zip")):
        return "An archive; each file in it is read as one by itself."
    lines = "\n".join(line[:SHOWN].rstrip() for line in text.splitlines()[:12])
    return f"```text\n{lines.replace(chr(0xFEFF), '')}\n```"

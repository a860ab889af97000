"""The containers and the alert logs in text that are tested -> docs/inputs.md, with one line of
example each."""

import json

from eveproc.input.envelope import MAX_DEPTH
from tests.eveproc.input.containers import CONTAINERS, Container, Record
from tests.eveproc.input.snort.text_forms import FORMS, Form, Told

SHOWN = 300
RECORD: Record = json.loads(
    '{"timestamp":"2026-03-02T08:00:00.000000+0000","flow_id":1,"event_type":"dns","src_ip":"10.20.1.7",'
    '"src_port":40000,"dest_ip":"10.20.0.53","dest_port":53,"proto":"UDP","dns":{"version":2,'
    '"type":"query","id":7,"rrname":"example.org","rrtype":"MX"}}'
)

ALERT = Told(
    1_772_438_400.25, 1_250_104, "Many servers", "TCP", "10.20.1.7", 58474, "192.0.2.25", 25
)

_HEAD = f"""\
# Inputs: where EVE records are found

Made from tests/eveproc/input/containers.py and snort/text_forms.py beside it by `make pages`; do not edit. For each container a test
holds the verdicts to those of the plain records, to the byte. Alerts are also read from [logs in text](#alert-logs-in-text).

## How records are found

There is no option for the container. A record is an object with `event_type` and one of `timestamp`, `@timestamp`, `flow_id`, `src_ip`,
`dest_ip`, or with an object named like the event type. It is found

- after text, in which no quote may be open: an attacker on the network may have sent the text in quotes;
- under any path of keys and arrays, and in text that holds JSON (escaped once, twice or three times), up to {MAX_DEPTH} steps deep;
- more than once on a line, in an array under a key, and under several keys at a time;
- flattened (`dns.rrname`, `_dns_rrname`), with each value in a list (`fields`), and as Elastic's module maps it to the Elastic Common
  Schema (`source.ip`, `destination.port`, `network.transport`, `event.start`).

If an event is there twice, the more complete copy is read; if both are equal, the original text. Text beside a parsed record counts only as
a copy of that record: a host on the network may have sent it. An object with an `event_type` that is not Suricata's, and no `flow_id`, is a
shipper's, and is searched for records. The path is remembered: the next line is searched again if that path does not lead to all records of it. The statistics (stderr, and `--stats`) count records by container.
Lines that hold no record are counted as skipped, with the reason; records that are cut off are counted as `half_line`. A file without
any record is refused by name, with exit code 1, as are files in which every record is cut off.

## Types

- Numbers may be text or floats: `25`, `"25"`, `"25.0"`, `25.0`. `proto` may be a name or a number: `"TCP"`, `"006"`, `"6"`, `6`.
  A type of DNS records may be a number: `"MX"`, `15`, `"15"`. An object or the questions may be JSON in a text (`"dns":"{{...}}"`); one question or answer
  need not be in an array.
- Times are ISO 8601, with a point or a comma before the fraction, or numbers (or text) in seconds, milliseconds, microseconds or
  nanoseconds since 1970, told apart by their size. Zone names of Windows ("Eastern Daylight Time") and the common abbreviations are
  known. **A time without a zone, or with a zone name that is not known, is UTC.**
- Without `timestamp`, a record has the time in `@timestamp`, or else in a field for the time around it (`time`, `event_timestamp`).
- Without a `host`, `host.name` is used only if it is in the record itself.

## What is not read

Records in base64, in UTF-16 (convert with `iconv`), in partial lines of CRI or Docker (16 KiB; they count as `half_line`), with other text
after them on the line, or with renamed fields. One JSON document of more than 16 MiB is read only under the key of its first record; if there
are records under other keys, the report says so. Behind a damaged record of a document, reading goes on at the next record that begins
a line; in a document on one line, what follows is not read.

## Containers
"""


_TEXT = """\
## Alert logs in text

If a sensor has nothing else, its alerts are read from text or CSV, by `report`, `watch`, `check`, `explain` and on Spark. Every form
gives the same evidence as these alerts in alert_json without `b64_data`; Suricata's forms, the same as EVE records without metadata,
flow and dns. Text says less than EVE: it shows neither the name that was looked up nor which side opened the connection. Alerts alone find no
slow mass mailers, and the report says so. Logs of Snort in JSON and unified2 are in [loading-snort.md](loading-snort.md#what-eveproc-reads).

- **Recognized by content.** A file is fast.log, alert_fast or alert_full if a line of its first 4 KiB has that form, and CSV if its first line
  names columns or begins with the default fields. Compressed and rotated files are read too. Among lines of other programs, as in a
  syslog, alerts of TCP and UDP are found anywhere, also beside EVE records.
- **Folders.** A folder's `fast.log`, `alerts.log`, `alert_fast.txt`, `alert_full.txt`, `alert`, `alert.fast`, `alert.full`, `alert.ids`,
  `snort.alert` (also rotated, and of packet threads) are read if there is no eve.json, alert_json, alert_csv or unified2 beside them:
    those contain the same and more. Otherwise the statistics name them as not read.
- **Which alert.** The rule is in brackets before the message, the addresses are at the end of the line. The text of the message
  does not matter. gid and sid identify the signal (`sid_base` of site.yaml); alerts of other rules are counted.
- **Whose lines.** A line of syslog is accepted if its program is named like `snort`, `suricata` or `barnyard2`, or not named at all.
  Lines that other programs log may contain text from attackers.
- **Years.** Snort writes no year (unless it runs with `-y`), nor does RFC 3164. The year is the latest one in which the time is at most a
  day after the file was last written; in a line sent by syslog with a full time, that time replaces the file's. With
  `--since`, a time is also taken to be within the year that begins there, for files that were copied without their times. If that
  makes it earlier than the file says, the report names it as a `problem`. A watch uses its own clock. Copy logs with their times (`cp -p`).
- **Zones.** Engines write local time without a zone: it is taken for local time of the machine that eveproc runs on
  (`TZ=Europe/Vienna eveproc ...` for a sensor elsewhere, `TZ=UTC` for a Snort that runs with `-U`). A time in ISO 8601 without a zone is
  UTC, as everywhere.
- **What is not an alert** is counted with its reason: `line of another program`, `packet dump` (lines that `packet` of alert_fast or
  `-A cmg` adds), `addresses` (an alert without them, as of a damaged packet), `no alert`. An incomplete last line is `half_line`,
  since an address may be cut off.
- **CSV with names.** The first line may have the names of Snort 2.9 and barnyard2 (`timestamp`, `sig_generator`, `sig_id`, `src`,
  `srcport`, `dst`, `dstport`, `proto`), of Snort 3 (`seconds`, `gid`, `sid` or `rule`, `src_addr` or `src_ap`, ...) or of EVE (`src_ip`,
  `dest_ip`, `alert.signature_id`), in any order, between commas, semicolons or tabs. A time, a sid and both addresses are needed.
"""


def inputs_page() -> str:
    """The whole page, containers and forms of text in the order in which they are tested."""
    return "\n".join([_HEAD, *map(_section, CONTAINERS), _TEXT, *map(_form, FORMS)])


def _form(form: Form) -> str:
    text = form.write([ALERT]).decode().rstrip("\n")
    return f"### {form.title}\n\n```text\n{text}\n```\n"


def _section(container: Container) -> str:
    reported = f"In the statistics: `{container.reported}`.\n\n" if container.reported else ""
    return f"### {container.title}\n\n{reported}{_example(container)}\n"


def _example(container: Container) -> str:
    content = container.wrap([RECORD])
    text = content.decode("utf-8", "replace").replace("\0", "")
    if container.title.startswith(("tar", "zip")):
        return "An archive; each file in it is read like a separate file."
    lines = "\n".join(line[:SHOWN].rstrip() for line in text.splitlines()[:12])
    return f"```text\n{lines.replace(chr(0xFEFF), '')}\n```"

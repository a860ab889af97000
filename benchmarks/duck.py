"""An eve.json -> for each home host what DuckDB finds in it about mail: outside servers, domains of MX and mail-named lookups, counts.

    python -m benchmarks.duck eve.json

Only the columns that are needed are read, with their types given, by two threads. No verdict comes of it, no pivot, no time window.
"""

import sys

QUERY = r"""
with records as (
    select event_type, src_ip, dest_ip, dest_port, coalesce(dns.rrname, dns.queries[1].rrname) as name,
           coalesce(dns.rrtype, dns.queries[1].rrtype) as rrtype, dns.type as dns_type
    from read_json(?, format = 'newline_delimited', maximum_object_size = 16777216, columns = {
        event_type: 'VARCHAR', src_ip: 'VARCHAR', dest_ip: 'VARCHAR', dest_port: 'INTEGER',
        dns: 'STRUCT("type" VARCHAR, rrname VARCHAR, rrtype VARCHAR, queries STRUCT(rrname VARCHAR, rrtype VARCHAR)[])'})
    where src_ip like '10.%' or src_ip like '2001:0db8:%'
)
select src_ip,
       count(distinct dest_ip) filter (where event_type = 'flow' and dest_port in (25, 465, 587)
           and not (dest_ip like '10.%' or dest_ip like '2001:0db8:%')) as servers,
       count(*) filter (where event_type = 'flow' and dest_port in (25, 465, 587)) as connections,
       count(distinct regexp_extract(name, '[^.]+\.[^.]+$')) filter (where rrtype = 'MX') as mx_domains,
       count(distinct regexp_extract(name, '[^.]+\.[^.]+$'))
           filter (where rrtype = 'A' and regexp_matches(name, 'mail|smtp|mx|imap|relay|gate', 'i')) as mail_domains,
       count(*) filter (where event_type = 'smtp') as mails,
       count(*) filter (where event_type = 'alert') as alerts
from records
where (event_type = 'flow' and dest_port in (25, 465, 587)) or event_type in ('smtp', 'alert')
   or (dns_type in ('query', 'request') and (rrtype = 'MX' or regexp_matches(name, 'mail|smtp|mx|imap|relay|gate', 'i')))
group by src_ip order by servers desc, src_ip
"""
THREADS = 2


def main() -> None:
    """Ask, and print what comes, one host a line."""
    import duckdb

    database = duckdb.connect(config={"threads": THREADS})
    for row in database.execute(QUERY, [sys.argv[1]]).fetchall():
        sys.stdout.write(f"{row}\n")


if __name__ == "__main__":
    main()

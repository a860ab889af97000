"""An eve.json -> what DuckDB finds about each home host, with one query.

    python -m benchmarks.duck eve.json
    python -m benchmarks.duck --mail eve.json

The first command collects the data of eveproc's evidence (eveproc/evidence/store.py): for each home
host that opened a TCP connection, and each kind of behaviour, the number of events and of distinct
peers. It omits times, leases, sensor health and which hosts accept mail, answer queries or send in
the site's name, and gives no verdict. `--mail` counts only mail activity, from fewer columns: most
hosts then do not occur.

Other forms of the first query took as long or longer on 1 GB: one filtered aggregate for each kind,
distinct keys by a second `group by`, connections counted separately.
"""

import sys

HOME = "({0} like '10.%' or {0} like '2001:0db8:%')"
# Equal to those of eveproc.signals.domains and rulegen.vocabulary (a test compares them); importing
# these would add 15 ms to DuckDB's time.
MAIL_WORDS = "mail|smtp|mx|imap|outlook|exchange"
GUESSED = "mail|mail1|smtp|mx|mxs|mx1|gate|relay|ns"
SOME_PTR = r"^[0-9a-f]{0,2}7\.[0-9a-f.]+\.(?:in-addr|ip6)\.arpa$"
ACK = "('1', '3', '5', '7', '9', 'b', 'd', 'f')"
SAME = rf"""
with records as (
    select event_type, src_ip as host, dest_ip as server, dest_port as port, proto, flow.pkts_toclient as replies,
           tcp.tcp_flags_ts as sent, tcp.tcp_flags_tc as received, dns.rcode as rcode,
           coalesce(dns.rrname, dns.queries[1].rrname) as name, coalesce(dns.rrtype, dns.queries[1].rrtype) as rrtype,
           smtp.helo as helo, split_part(smtp.rcpt_to[1], '@', 2) as recipient, coalesce(email.body_md5, email.subject) as digest,
           email.attachment[1] as attachment, alert.signature_id as sid
    from read_json(?, format = 'newline_delimited', maximum_object_size = 16777216, columns = {{
        event_type: 'VARCHAR', src_ip: 'VARCHAR', dest_ip: 'VARCHAR', dest_port: 'INTEGER', proto: 'VARCHAR',
        flow: 'STRUCT(pkts_toclient BIGINT)', tcp: 'STRUCT(tcp_flags_ts VARCHAR, tcp_flags_tc VARCHAR)',
        dns: 'STRUCT(rcode VARCHAR, rrname VARCHAR, rrtype VARCHAR, queries STRUCT(rrname VARCHAR, rrtype VARCHAR)[])',
        smtp: 'STRUCT(helo VARCHAR, rcpt_to VARCHAR[])',
        email: 'STRUCT(body_md5 VARCHAR, subject VARCHAR, attachment VARCHAR[])', alert: 'STRUCT(signature_id BIGINT)'}})
    where {HOME.format("src_ip")}
), wanted as (
    select *, not {HOME.format("server")} as outside, port in (25, 465, 587) as is_mail,
           sent[1] in {ACK} and received[1] in {ACK} and received[2] in ('2', '3', '6', '7', 'a', 'b', 'e', 'f') as established,
           regexp_extract(name, '[^.]+\.[^.]+$') as domain, regexp_matches(name, '{MAIL_WORDS}', 'i') as names_mail,
           regexp_matches(name, '^({GUESSED})\.', 'i') as guessed
    from records
    where (event_type = 'flow' and proto = 'TCP' and sent is not null)
       or (event_type = 'smtp' and not {HOME.format("server")})
       or (event_type = 'tls' and port in (25, 465, 587) and not {HOME.format("server")})
       or (event_type = 'dns' and (rrtype = 'MX' or (rrtype in ('A', 'AAAA') and regexp_matches(name, '{MAIL_WORDS}|^({GUESSED})\.', 'i'))
           or (rrtype = 'PTR' and regexp_matches(name, '{SOME_PTR}', 'i'))))
       or event_type = 'alert'
), kinds as (
    select host, unnest(case event_type
        when 'flow' then [{{key: server, kind: case
            when is_mail then case when not outside then 'inside_targets' when port = 25 then 'smtp_attempts' else 'submission_attempts' end
            when not outside or port = 2525 then 'connection'
            when port in (110, 143, 993, 995) then case when replies > 0 then 'reads_mailbox' else 'connection' end
            when established then 'connection' else 'probed' end}},
            {{key: case when is_mail and outside and established then server end, kind: 'met_by_mail'}}]
        when 'dns' then [
            {{key: case when rrtype = 'PTR' then name when rrtype = 'MX' or names_mail then domain end,
              kind: case rrtype when 'PTR' then 'asks_ptr' else 'mail_names' end}},
            {{key: case when rrtype = 'MX' or guessed then domain end, kind: case rrtype when 'MX' then 'mx_flood' else 'name_guess' end}},
            {{key: case when rcode = 'NXDOMAIN' and guessed then domain end, kind: 'name_guess_nx'}}]
        when 'smtp' then [
            {{key: server, kind: case when port in (465, 587) then 'submission_attempts' else 'smtp_sessions' end}},
            {{key: server, kind: 'met_by_mail'}},
            {{key: case when port not in (465, 587) then helo end, kind: 'helo_odd'}}, {{key: recipient, kind: 'mail_burst'}},
            {{key: digest || ' ' || recipient, kind: 'look_alike'}},
            {{key: case when attachment is not null then recipient end, kind: 'worm_attachment'}}]
        when 'tls' then [
            {{key: case when port in (465, 587) then server end, kind: 'submission_attempts'}}, {{key: server, kind: 'met_by_mail'}}]
        else [{{key: sid::varchar, kind: 'alert'}}] end, recursive := true)
    from wanted
)
select host, kind, count(*) as events, count(distinct case when kind <> 'connection' then key end) as peers
from kinds where key is not null group by all order by host, kind
"""
MAIL = rf"""
with records as (
    select event_type, src_ip, dest_ip, dest_port, coalesce(dns.rrname, dns.queries[1].rrname) as name,
           coalesce(dns.rrtype, dns.queries[1].rrtype) as rrtype, dns.type as dns_type
    from read_json(?, format = 'newline_delimited', maximum_object_size = 16777216, columns = {{
        event_type: 'VARCHAR', src_ip: 'VARCHAR', dest_ip: 'VARCHAR', dest_port: 'INTEGER',
        dns: 'STRUCT("type" VARCHAR, rrname VARCHAR, rrtype VARCHAR, queries STRUCT(rrname VARCHAR, rrtype VARCHAR)[])'}})
    where {HOME.format("src_ip")}
)
select src_ip,
       count(distinct dest_ip) filter (where event_type = 'flow' and dest_port in (25, 465, 587)
           and not {HOME.format("dest_ip")}) as servers,
       count(*) filter (where event_type = 'flow' and dest_port in (25, 465, 587)) as connections,
       count(distinct regexp_extract(name, '[^.]+\.[^.]+$')) filter (where rrtype = 'MX') as mx_domains,
       count(distinct regexp_extract(name, '[^.]+\.[^.]+$'))
           filter (where rrtype = 'A' and regexp_matches(name, '{MAIL_WORDS}|relay|gate', 'i')) as mail_domains,
       count(*) filter (where event_type = 'smtp') as mails,
       count(*) filter (where event_type = 'alert') as alerts
from records
where (event_type = 'flow' and dest_port in (25, 465, 587)) or event_type in ('smtp', 'alert')
   or (dns_type in ('query', 'request') and (rrtype = 'MX' or regexp_matches(name, '{MAIL_WORDS}|relay|gate', 'i')))
group by src_ip order by servers desc, src_ip
"""
THREADS = 2


def main() -> None:
    """Run the query and print one row a line."""
    import duckdb

    *mail_only, file = sys.argv[1:]
    database = duckdb.connect(config={"threads": THREADS})
    for row in database.execute(MAIL if mail_only else SAME, [file]).fetchall():
        sys.stdout.write(f"{row}\n")


if __name__ == "__main__":
    main()

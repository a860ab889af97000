-- Settings for Snort 3, made by rulegen from the site's profile; the next build overwrites this file.
--
-- Put this folder at /etc/snort/mxhound, then add at the end of snort.lua:
--
--   include '/etc/snort/mxhound/mxhound.lua'
--
-- and let Snort read the rules: in snort.lua as a further line of ips.rules or ips.include
--
--   include /etc/snort/mxhound/mxhound.rules
--
-- or on the command line with -R /etc/snort/mxhound/mxhound.rules. Settings of snort.lua stay, except for those below.

-- The site, from its profile, for the rules of others; those of mxhound use none of these variables.
-- Delete these lines if snort.lua has better values.
ips = ips or { }
ips.variables = ips.variables or default_variables or { }
ips.variables.nets = ips.variables.nets or { }
ips.variables.nets.HOME_NET = '[10.20.0.0/16,2001:db8:20::/48]'
ips.variables.nets.SMTP_SERVERS = '[10.20.0.25,2001:db8:20::25]'
ips.variables.nets.DNS_SERVERS = '[10.20.0.53,2001:db8:20::53]'

-- Each rule counts up to its threshold (detection_filter); this filter logs the first alert of each window.
event_filter = event_filter or { }
for _, filter in ipairs({
    { gid = 1, sid = 1250001, type = 'limit', track = 'by_src', count = 1, seconds = 60 }, -- mx_flood
    { gid = 1, sid = 1250002, type = 'limit', track = 'by_src', count = 1, seconds = 3600 }, -- mx_slow
    { gid = 1, sid = 1250003, type = 'limit', track = 'by_src', count = 1, seconds = 300 }, -- name_guess
    { gid = 1, sid = 1250004, type = 'limit', track = 'by_dst', count = 1, seconds = 300 }, -- name_guess_nx
    { gid = 1, sid = 1250005, type = 'limit', track = 'by_src', count = 1, seconds = 60 }, -- mx_flood_tcp
    { gid = 1, sid = 1250006, type = 'limit', track = 'by_src', count = 1, seconds = 3600 }, -- mx_slow_tcp
    { gid = 1, sid = 1250007, type = 'limit', track = 'by_src', count = 1, seconds = 300 }, -- name_guess_tcp
    { gid = 1, sid = 1250008, type = 'limit', track = 'by_dst', count = 1, seconds = 300 }, -- name_guess_nx_tcp
    { gid = 1, sid = 1250101, type = 'limit', track = 'by_src', count = 1, seconds = 60 }, -- smtp_attempts
    { gid = 1, sid = 1250103, type = 'limit', track = 'by_src', count = 1, seconds = 300 }, -- submission_attempts
    { gid = 1, sid = 1250104, type = 'limit', track = 'by_src', count = 1, seconds = 300 }, -- smtp_sessions
    { gid = 1, sid = 1250105, type = 'limit', track = 'by_src', count = 1, seconds = 120 }, -- mail_burst
    { gid = 1, sid = 1250202, type = 'limit', track = 'by_src', count = 1, seconds = 3600 }, -- worm_attachment
    { gid = 1, sid = 1250203, type = 'limit', track = 'by_src', count = 1, seconds = 3600 }, -- helo_odd
    { gid = 1, sid = 1250301, type = 'limit', track = 'by_dst', count = 1, seconds = 28800 }, -- smtp_rejects
    { gid = 1, sid = 1250302, type = 'limit', track = 'by_dst', count = 1, seconds = 300 }, -- rcpt_refused
    { gid = 1, sid = 1251001, type = 'limit', track = 'by_src', count = 1, seconds = 60 }, -- mx_flood
    { gid = 1, sid = 1251005, type = 'limit', track = 'by_src', count = 1, seconds = 60 }, -- mx_flood_tcp
    { gid = 1, sid = 1251103, type = 'limit', track = 'by_src', count = 1, seconds = 300 }, -- submission_attempts
}) do
    table.insert(event_filter, filter)
end

-- Suppressions, from `exempt` of the site's profile. The rules exclude these hosts as well: Snort reads the tables of a configuration
-- in no fixed order, and if it reads event_filter before suppress, alerts that pass the filter are not suppressed (3.11).
suppress = suppress or { }
for _, silence in ipairs({
    -- 10.20.4.40, for good: checks the addresses of new customers, ticket 4711
    { gid = 1, sid = 1250001, track = 'by_src', ip = '10.20.4.40' },
    { gid = 1, sid = 1250002, track = 'by_src', ip = '10.20.4.40' },
    { gid = 1, sid = 1250005, track = 'by_src', ip = '10.20.4.40' },
    { gid = 1, sid = 1250006, track = 'by_src', ip = '10.20.4.40' },
    -- 10.20.99.0/24, until 2030-12-31: laboratory, sends test mails
    { gid = 1, sid = 1250001, track = 'by_src', ip = '10.20.99.0/24' },
    { gid = 1, sid = 1250002, track = 'by_src', ip = '10.20.99.0/24' },
    { gid = 1, sid = 1250003, track = 'by_src', ip = '10.20.99.0/24' },
    { gid = 1, sid = 1250004, track = 'by_dst', ip = '10.20.99.0/24' },
    { gid = 1, sid = 1250005, track = 'by_src', ip = '10.20.99.0/24' },
    { gid = 1, sid = 1250006, track = 'by_src', ip = '10.20.99.0/24' },
    { gid = 1, sid = 1250007, track = 'by_src', ip = '10.20.99.0/24' },
    { gid = 1, sid = 1250008, track = 'by_dst', ip = '10.20.99.0/24' },
    { gid = 1, sid = 1250101, track = 'by_src', ip = '10.20.99.0/24' },
    { gid = 1, sid = 1250103, track = 'by_src', ip = '10.20.99.0/24' },
    { gid = 1, sid = 1250104, track = 'by_src', ip = '10.20.99.0/24' },
    { gid = 1, sid = 1250105, track = 'by_src', ip = '10.20.99.0/24' },
    { gid = 1, sid = 1250202, track = 'by_src', ip = '10.20.99.0/24' },
    { gid = 1, sid = 1250203, track = 'by_src', ip = '10.20.99.0/24' },
    { gid = 1, sid = 1250301, track = 'by_dst', ip = '10.20.99.0/24' },
    { gid = 1, sid = 1250302, track = 'by_dst', ip = '10.20.99.0/24' },
}) do
    table.insert(suppress, silence)
end

-- Needed for correct counts, if snort.lua does not set it: streams, and SMTP parsed command by command.
stream = stream or { }
stream_tcp = stream_tcp or { }
smtp = smtp or { }
if not binder then
    -- SMTP on other ports is recognized by its first words.
    wizard = wizard or
    {
        spells =
        {
            { service = 'smtp', proto = 'tcp', to_server = { 'HELO', 'EHLO' }, to_client = { '220*SMTP', '220*MAIL' } },
        },
    }
    binder =
    {
        { when = { proto = 'tcp', ports = '25 465 587', role = 'server' }, use = { type = 'smtp' } },
        { when = { service = 'smtp' }, use = { type = 'smtp' } },
        { use = { type = 'wizard' } },
    }
end

-- Counts and filters have 1 MiB each, enough for some thousand hosts; when it is full, new hosts are not counted, without a message.
alerts = alerts or { }
alerts.detection_filter_memcap = alerts.detection_filter_memcap or 16777216
alerts.event_filter_memcap = alerts.event_filter_memcap or 16777216

-- By default Snort logs 3 alerts a packet; a filter whose alert was dropped does not log another one in its window.
event_queue = event_queue or { }
event_queue.log = math.max(event_queue.log or 0, 8)
event_queue.max_queue = math.max(event_queue.max_queue or 0, 8)

-- eveproc reads alert_json.txt in the log folder. If snort.lua has an alert_json, its missing fields are added.
local wanted = 'seconds timestamp src_addr src_port dst_addr dst_port proto sid gid rev msg b64_data'
if not alert_json then
    alert_json = { file = true, fields = wanted }
else
    local fields = alert_json.fields or 'timestamp pkt_num proto pkt_gen pkt_len dir src_ap dst_ap rule action'
    for field in wanted:gmatch('%S+') do
        if not (' ' .. fields .. ' '):find(' ' .. field .. ' ', 1, true) then
            fields = fields .. ' ' .. field
        end
    end
    alert_json.fields = fields
    -- Otherwise alerts go to the screen.
    if alert_json.file == nil then
        alert_json.file = true
    end
end

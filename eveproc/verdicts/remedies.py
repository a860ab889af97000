"""Remedies for missing records: phrases that several causes share."""

# Where suricata.yaml lists the record types.
TYPES = "outputs: eve-log: types:"
IS_IT_RUNNING = "check that Suricata is running and writes to this file (eve-log: enabled: yes)"
ANOTHER_COPY = "copy or export it again; expected is one EVE record a line, plain or compressed"
CHECK_THE_SEARCH = "check the index and the time range of the search, and that Suricata is running"
# What a switch or a tap must give the sensor.
MIRROR = "set the mirror port (SPAN) or tap to copy the ports or VLANs of the clients"
BOTH_DIRECTIONS = (
    "let the mirror port or tap copy both directions (receive and transmit), and look for routes "
    "that packets take one way only"
)

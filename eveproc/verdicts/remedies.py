"""What to change where records are missing: phrases that several causes share."""

# Where suricata.yaml lists the record types.
TYPES = "outputs: eve-log: types:"
IS_IT_RUNNING = "check that Suricata is running and writes to this file (eve-log: enabled: yes)"
# What a switch or a tap must give the sensor.
MIRROR = (
    "let the switch mirror the traffic of clients to the sensor: a mirror port gets that of the "
    "ports or VLANs in its list only"
)
BOTH_DIRECTIONS = (
    "let the mirror port or tap copy both directions (receive and transmit), and look for routes "
    "that packets take one way only"
)

"""What to change where records are missing: phrases that several causes share."""

# Where suricata.yaml lists the record types.
TYPES = "outputs: eve-log: types:"
IS_IT_RUNNING = "check that Suricata is running and writes to this file (eve-log: enabled: yes)"

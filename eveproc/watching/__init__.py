"""EVE as it is written -> verdicts within seconds, and notifications."""

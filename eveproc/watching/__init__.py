"""EVE as it is written -> who is infected, within seconds, and word of it."""

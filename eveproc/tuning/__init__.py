"""What thresholds a site needs, from what its hosts did in EVE; and what servers it has."""

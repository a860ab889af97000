"""Site profile in, IDS rules out."""

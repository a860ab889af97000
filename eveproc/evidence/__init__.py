"""Events -> mergeable evidence of each host."""

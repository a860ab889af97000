"""Evidence -> verdicts with reasons."""

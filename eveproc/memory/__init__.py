"""What is remembered from one report to the next: what was read, evidence, episodes."""

"""Files in any framing and compression -> evidence and reading statistics, by several processes."""

"""Bytes of logs -> typed events."""

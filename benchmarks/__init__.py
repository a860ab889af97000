"""Measurements of the whole project on real engines; nothing here is installed."""

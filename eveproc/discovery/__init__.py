"""Logs -> a proposed site.yaml."""

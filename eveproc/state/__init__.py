"""What is remembered between reports."""

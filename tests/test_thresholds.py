"""What a threshold would do, told from records, against what real engines did: host by host and time by time, over a grid.

An engine reads each capture once, with every rule at many thresholds side by side (tests/engines/grid.py).
"""

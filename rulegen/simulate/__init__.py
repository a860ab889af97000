"""Site profile + seed -> labelled traffic: traffic.pcap, and truth.json with the labels."""

from rulegen.simulate.run import DEFAULT_START, HostTruth, Simulation, simulate
from rulegen.simulate.write import PCAP_NAME, TRUTH_NAME, write_simulation

__all__ = [
    "DEFAULT_START",
    "PCAP_NAME",
    "TRUTH_NAME",
    "HostTruth",
    "Simulation",
    "simulate",
    "write_simulation",
]

"""Behaviour from public descriptions -> kinds of machines that are hard to judge, played by name.

`rulegen simulate` and the evaluation's first part play none of them. Each kind is one function
whose docstring says what it does and ends with its source. Files `benign_*` hold benign kinds,
files `infected_*` mass mailers, each with a tuple `KINDS`.
"""

from rulegen.simulate.hard import (
    benign_noise,
    benign_people,
    benign_programs,
    benign_servers,
    benign_surveys,
    infected_accounts,
    infected_direct,
    infected_few,
    infected_slow,
    infected_veiled,
)
from rulegen.simulate.hard.kind import HardKind

# One line for each file. If a network is too small for all, the first ones are placed.
HARD: tuple[HardKind, ...] = (
    *benign_people.KINDS,
    *benign_surveys.KINDS,
    *benign_programs.KINDS,
    *benign_servers.KINDS,
    *benign_noise.KINDS,
    *infected_direct.KINDS,
    *infected_accounts.KINDS,
    *infected_slow.KINDS,
    *infected_veiled.KINDS,
    *infected_few.KINDS,
)

__all__ = ["HARD", "HardKind"]

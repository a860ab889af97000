"""Exceptions raised while a watch runs -> at most MOST_NAMED different sentences, and a count."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rulegen.errors import MxhoundError

# Faults named over the life of a watch: what an attacker can cause must not fill a disk.
MOST_NAMED = 100
LONGEST = 200


class Faults:
    """Exceptions that were caught so that the rest goes on. `say` gets a sentence for each kind."""

    def __init__(self, say: Callable[[str], None] = lambda _: None) -> None:
        self.say = say
        self.count = 0
        self._named: set[str] = set()

    @contextmanager
    def caught(self, what: str) -> Iterator[None]:
        """Catch and name an exception of the body; `what` says what is missing because of it."""
        try:
            yield
        except MxhoundError:  # refused on purpose, and told by whoever runs this
            raise
        except Exception as error:  # noqa: BLE001  attackers write the records: all others go on
            self.note(f"{what} ({type(error).__name__}: {error})"[:LONGEST])

    def note(self, sentence: str, count: int = 1) -> None:
        """Count faults; tell the sentence if it is new and not too many were told."""
        self.count += count
        if sentence in self._named or len(self._named) > MOST_NAMED:
            return
        self._named.add(sentence)
        if len(self._named) > MOST_NAMED:
            sentence = "more faults of new kinds are counted and not named"
        self.say(sentence)

"""What is to be told somewhere else -> a title, a text and how bad it is: plain values."""

from msgspec import Struct


class Message(Struct, frozen=True):
    """What is sent; `kind` is one of Apprise's: info, success, warning, failure."""

    title: str
    body: str
    kind: str = "info"

"""A notification as plain values: title, text and severity."""

from msgspec import Struct


class Message(Struct, frozen=True):
    """One notification; `kind` is one of Apprise's: info, success, warning, failure."""

    title: str
    body: str
    kind: str = "info"

"""A notification as plain values: title, text, severity, and the same as data for programs."""

from msgspec import Struct


class Message(Struct, frozen=True):
    """One notification; `kind` is one of Apprise's: info, success, warning, failure.

    `data` is the text of a JSON object that webhooks get ("" for none).
    """

    title: str
    body: str
    kind: str = "info"
    data: str = ""

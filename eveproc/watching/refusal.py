"""A service's answer, or the error in its place -> why a message was not taken, without secrets.

Of errors only what the system and TLS say is repeated: the texts of libraries hold URLs.
"""

import ssl
from collections.abc import Iterator, Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from msgspec import Struct

# A status that is about the message: the next one may be taken.
OF_MESSAGE = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.NOT_ACCEPTABLE,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
)
LONGEST = 100


class Refusal(Struct, frozen=True):
    """Why a service did not take a message.

    `after`: seconds that it asks to wait, 0 if it does not. `is_of_message`: another message may be
    taken.
    """

    why: str = "no answer in time"
    after: float = 0.0
    is_of_message: bool = False


def of_answer(status: int, headers: Mapping[str, str], now: float) -> Refusal:
    """Of an HTTP answer; `now` in seconds since 1970 UTC."""
    asked = headers.get("Retry-After", "")
    why = f"it answered {status}"
    if 300 <= status < 400:
        why += ", a redirect that is not followed"
    return Refusal(why, _seconds(asked, now), status in OF_MESSAGE)


def of_error(error: BaseException) -> Refusal:
    """Of an exception, by the one of its causes that says most."""
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLError):
            what = getattr(cause, "verify_message", "") or cause.reason or "failed"
            # Behind a comma OpenSSL names the host.
            return Refusal(f"TLS: {what.partition(',')[0]}"[:LONGEST])
        if isinstance(cause, TimeoutError) or "Timeout" in type(cause).__name__:
            return Refusal()
        if _is_of_system(cause) and isinstance(cause, OSError) and cause.strerror:
            return Refusal(cause.strerror[:LONGEST])
    return Refusal(f"the connection failed ({type(error).__name__})")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The innermost first."""
    found: list[BaseException] = []
    one: BaseException | None = error
    while one is not None and one not in found:
        found.append(one)
        inner = getattr(one, "reason", None)  # where urllib3 keeps it
        one = inner if isinstance(inner, BaseException) else one.__cause__ or one.__context__
    return reversed(found)


def _is_of_system(error: BaseException) -> bool:
    """Exceptions of libraries may be OSError, too, and hold any text."""
    return type(error).__module__ in ("builtins", "socket")


def _seconds(retry_after: str, now: float) -> float:
    """Of the header: a number of seconds, or a date; 0 for anything else."""
    if retry_after.isascii() and retry_after.isdigit():
        return float(retry_after[:10])
    with suppress(ValueError, TypeError, OverflowError):
        return max(0.0, parsedate_to_datetime(retry_after).timestamp() - now)
    return 0.0

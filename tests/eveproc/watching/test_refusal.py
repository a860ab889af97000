"""What a service answers, or fails with -> a reason that holds no URL."""

import ssl

import pytest
from requests.exceptions import ConnectionError as LibraryError
from requests.exceptions import ReadTimeout

from eveproc.watching.refusal import Refusal, of_answer, of_error

NOW = 1_709_287_200.0  # Fri, 01 Mar 2024 10:00:00 GMT


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        ("120", 120),
        ("Fri, 01 Mar 2024 10:02:00 GMT", 120),
        ("Fri, 01 Mar 2024 09:00:00 GMT", 0),
        ("", 0),
        ("-5", 0),
        ("soon", 0),
        ("\u0665", 0),
        ("9" * 400, 9_999_999_999),
        ("Fri, 99 Mar 2024 10:00:00 GMT", 0),
    ],
)
def test_how_long_a_service_asks_to_wait(asked: str, seconds: float) -> None:
    assert of_answer(429, {"Retry-After": asked}, NOW) == Refusal("it answered 429", seconds)


@pytest.mark.parametrize(
    ("status", "is_of_message"),
    [(400, True), (413, True), (422, True), (401, False), (404, False), (429, False), (500, False)],
)
def test_which_status_is_about_the_message(status: int, is_of_message: bool) -> None:
    assert of_answer(status, {}, NOW).is_of_message is is_of_message


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


def unverified(message: str) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "[SSL] secret")
    error.verify_message = message
    return error


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (caused(LibraryError("//secret"), ConnectionRefusedError(111, "Refused")), "Refused"),
        (
            caused(LibraryError("//secret"), unverified("self-signed certificate")),
            "TLS: self-signed certificate",
        ),
        (
            unverified("Hostname mismatch, certificate is not valid for 'secret'"),
            "TLS: Hostname mismatch",
        ),
        (ReadTimeout("//secret"), "no answer in time"),
        (TimeoutError("secret"), "no answer in time"),
        (LibraryError(5, "//secret"), "the connection failed (ConnectionError)"),
        (ValueError("secret"), "the connection failed (ValueError)"),
    ],
)
def test_what_is_told_of_an_error(error: Exception, why: str) -> None:
    assert of_error(error).why == why


def test_errors_that_name_each_other_as_cause_end() -> None:
    one, other = ValueError(), ValueError()
    one.__cause__, other.__cause__ = other, one
    assert of_error(one).why == "the connection failed (ValueError)"

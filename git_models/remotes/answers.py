"""What a service answers, looked at before it is believed: a proxy's page may come in its place, or other types.

Each function raises RemoteError for what is no such value.
"""

from __future__ import annotations

from typing import Any

from git_models import jsons
from git_models.errors import RemoteError


def read(data: bytes, host: str) -> Any:
    """The value of an answer."""
    try:
        return jsons.read(data)
    except ValueError:
        raise odd(host) from None


def mapping(value: Any, host: str) -> dict[str, Any]:
    """An object; {} where the answer has none."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise odd(host)
    return value


def mappings(value: Any, host: str) -> list[dict[str, Any]]:
    """Objects in a row; [] where the answer has none."""
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise odd(host)
    return value


def text(value: Any, host: str) -> str:
    """Words that must be there."""
    if not isinstance(value, str) or not value:
        raise odd(host)
    return value


def number(value: Any, host: str) -> int:
    """A count, as a number or in digits."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise odd(host)
    return value


def odd(host: str) -> RemoteError:
    """The sentence."""
    return RemoteError(
        f"{host} sent something else than its answer: is there a proxy or a log-in page in between?",
        f"open https://{host} in a browser, then the same command again",
    )

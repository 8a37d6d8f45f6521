"""Links to files, as people share them: what Drive and Dropbox put in a file's place is told apart from it."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urljoin

from git_models import urllists, urls
from git_models.errors import ModelsError, NotAModel, NotThere, RemoteError
from git_models.remotes import http
from git_models.remotes.base import Options

if TYPE_CHECKING:
    import requests

DRIVE = "drive.usercontent.google.com"
DROPBOX = ("dropbox.com", "www.dropbox.com")

_PAGE = 512 << 10
"""Bytes of a page that are read; Drive's warning has 3 KB."""


class Links:
    """The Source behind `urls:` of an entry: an asset's name is its https URL."""

    name = "direct link"
    url = "urls:"
    several = True

    def __init__(self, options: Options) -> None:
        self._client = http.Client(options)

    def get(self, asset: str, start: int = 0, stop: int | None = None, tag: str | None = None) -> http.Answer:
        """See Source."""
        if not asset.startswith("https://") and not http.loopback(urls.split(asset).host):
            raise RemoteError(f"{urls.redact(asset)}: only https links are fetched")
        try:
            url = urllists.direct(asset)
        except ModelsError as error:
            raise RemoteError(error.what, error.fix) from error
        host = urls.split(url).host
        wanted = http.ranged(start, stop, tag)
        response, final = self._client.follow(url, wanted)
        if host == DRIVE and _is_page(response):
            said = _text(response)
            if confirmed := _confirmed(said, url):
                response, final = self._client.follow(confirmed, wanted)
                said = _text(response) if _is_page(response) else ""
            if not confirmed or said:
                raise drive_page(said, final)
        if host in DROPBOX and _is_page(response):
            raise _dropbox_page(_text(response), response.status_code)
        return http.answer(response, final, start, tag)


def _is_page(response: requests.Response) -> bool:
    return "text/html" in response.headers.get("Content-Type", "")


def _text(response: requests.Response) -> str:
    """What a page says; "-" when that cannot be read."""
    with response:
        try:
            return bytes(response.raw.read(_PAGE, decode_content=True)).decode("utf-8", "replace") or "-"
        except Exception:  # it is only for the message, or for a form that is not there then
            return "-"


class _Form(HTMLParser):
    """The form that Drive shows before it hands out what its virus scanner does not look at."""

    def __init__(self) -> None:
        super().__init__()
        self.action = ""
        self.fields: dict[str, str] = {}
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form" and given.get("id") == "download-form":
            self.action, self._inside = given.get("action", ""), True
        elif tag == "input" and self._inside and given.get("type") == "hidden" and given.get("name"):
            self.fields[given["name"]] = given.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False


def _confirmed(page: str, url: str) -> str:
    """The address behind the form, "" if there is none; never one of another host."""
    form = _Form()
    form.feed(page)
    target = urljoin(url, form.action)
    if not form.action or not form.fields or not target.startswith(f"https://{DRIVE}/"):
        return ""
    return f"{target.partition('?')[0]}?{urlencode(form.fields)}"


def drive_page(page: str, url: str) -> ModelsError:
    """Why Drive served a page in place of a file."""
    low = page.lower()
    if "too many users" in low or "quota" in low:
        return RemoteError(
            "Google Drive served a page: the quota of this file is used up, for up to 24 hours",
            "later; or in Drive: make a copy of the file and use its link",
        )
    if "accounts.google.com" in url or "sign in" in low or "need access" in low or "request access" in low:
        return RemoteError(
            "Google Drive served a sign-in page: the file is not public",
            "in Drive: Share, General access, 'Anyone with the link'",
        )
    if "virus" in low:
        return NotAModel("Google Drive served its virus-scan page, and the way on is not to be seen in it")
    if "not found" in low or "404" in low:
        return NotThere("Google Drive has no file under this link: it was deleted or never public")
    return NotAModel("Google Drive served a page (virus scan, quota or permission) in place of the file")


def _dropbox_page(page: str, status: int) -> ModelsError:
    low = page.lower()
    if status == 429 or "traffic" in low or "temporarily disabled" in low or "too much" in low:
        return RemoteError(
            "Dropbox served a page: this link's daily traffic is used up", "tomorrow; or share the file elsewhere, too"
        )
    if status in (404, 410) or "was deleted" in low or "doesn't exist" in low:
        return NotThere("Dropbox has nothing under this link: it was deleted or turned off")
    if "sign in" in low or "log in" in low:
        return RemoteError("Dropbox served a sign-in page: the link is for certain people only", "make a public link")
    return NotAModel("Dropbox served a page in place of the file")

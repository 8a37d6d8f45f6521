"""Downloads of the stand-in for GitHub, and everything that goes wrong on purpose."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

import pytest
import requests

from tests.fakes.asking import DATA, NAME, OCTETS, ask, download, new_release, resolve, upload
from tests.fakes.github import GitHub

SIZE = len(DATA)


def placed(hub: GitHub, fault: str) -> str:
    """An asset whose name carries a fault."""
    name = f"best.{fault}-0123456789ab.pt"
    hub.put("owner/repo", "git-models", name, DATA)
    return name


# Downloads as they should be


@pytest.mark.parametrize(
    ("asked", "start", "stop"), [("100-", 100, SIZE), ("0-9", 0, 10), ("-5", SIZE - 5, SIZE), ("5-99999999", 5, SIZE)]
)
def test_a_range_is_answered_with_its_place(hub: GitHub, asked: str, start: int, stop: int) -> None:
    hub.put("owner/repo", "git-models", NAME, DATA)
    part = download(hub, NAME, Range=f"bytes={asked}")
    assert (part.status_code, part.content) == (206, DATA[start:stop])
    assert part.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{SIZE}"


def test_a_range_past_the_end_is_416(hub: GitHub) -> None:
    hub.put("owner/repo", "git-models", NAME, DATA)
    part = download(hub, NAME, Range=f"bytes={SIZE}-")
    assert (part.status_code, part.headers["Content-Range"]) == (416, f"bytes */{SIZE}")


def test_if_range_with_another_etag_gets_the_whole_file(hub: GitHub) -> None:
    hub.put("owner/repo", "git-models", NAME, DATA)
    tag = download(hub, NAME).headers["ETag"]
    assert download(hub, NAME, Range="bytes=9-", If_Range=tag).status_code == 206
    hub.put("owner/repo", "git-models", NAME, DATA[::-1])
    again = download(hub, NAME, Range="bytes=9-", If_Range=tag)
    assert (again.status_code, again.content) == (200, DATA[::-1])


def test_a_signed_url_must_be_used_as_it_is_within_300_seconds_and_without_a_token(hub: GitHub) -> None:
    hub.put("owner/repo", "git-models", NAME, DATA)
    url = resolve(hub, NAME)
    assert requests.get(url, timeout=20).content == DATA
    assert requests.get(url.replace("%3B%20", ";%20"), timeout=20).status_code == 403
    assert ask(hub, "GET", url).status_code == 400
    hub.tick(299)
    assert requests.get(url, timeout=20).content == DATA
    hub.tick(2)
    expired = requests.get(url, timeout=20)
    assert expired.status_code == 403
    assert b"<Error>" in expired.content


@pytest.mark.slow
def test_a_file_over_4_gib_goes_up_and_down_without_its_zeros_taking_disk(hub: GitHub, tmp_path: Path) -> None:
    size = (1 << 32) + 1
    hub.asset_limit = 1 << 40
    source = tmp_path / "sparse"
    with source.open("wb") as file:
        file.seek(size - 3)
        file.write(b"end")
    url = new_release(hub)["upload_url"].partition("{")[0]
    with source.open("rb") as file:
        asset = ask(hub, "POST", f"{url}?name={NAME}", data=file, headers=OCTETS).json()
    assert asset["size"] == size
    stored = hub.assets("owner/repo")[NAME].file.stat()
    assert (stored.st_size, stored.st_blocks * 512 < 1 << 24) == (size, True)
    assert download(hub, NAME, Range=f"bytes={size - 3}-").content == b"end"


# Faults on the way up


def test_a_502_may_have_stored_the_asset(hub: GitHub) -> None:
    release = new_release(hub)
    assert upload(hub, release, "a.fault-502-stored.pt").status_code == 502
    asset = hub.assets("owner/repo")["a.fault-502-stored.pt"]
    assert (asset.state, asset.sha256) == ("uploaded", hashlib.sha256(DATA).hexdigest())


def test_a_502_may_leave_a_starter_that_is_in_the_way_until_it_is_deleted(hub: GitHub) -> None:
    release, name = new_release(hub), "a.fault-502-starter-once.pt"
    assert upload(hub, release, name).status_code == 502
    listed = ask(hub, "GET", f"/repos/owner/repo/releases/{release['id']}/assets").json()[0]
    assert (listed["state"], listed["digest"]) == ("starter", None)
    assert requests.get(f"{hub.url}/owner/repo/releases/download/git-models/{name}", timeout=20).status_code == 404
    assert upload(hub, release, name).status_code == 422
    ask(hub, "DELETE", f"/repos/owner/repo/releases/assets/{listed['id']}")
    assert upload(hub, release, name).status_code == 201


@pytest.mark.parametrize(("fault", "status"), [("502-different", 502), ("stored-wrong", 201)])
def test_other_bytes_may_be_stored(hub: GitHub, fault: str, status: int) -> None:
    assert upload(hub, new_release(hub), f"a.fault-{fault}.pt").status_code == status
    assert hub.assets("owner/repo")[f"a.fault-{fault}.pt"].bytes() != DATA


def test_an_upload_that_is_cut_leaves_a_starter(hub: GitHub) -> None:
    with pytest.raises(requests.ConnectionError):
        upload(hub, new_release(hub), "a.fault-upload-cut.pt")
    assert hub.assets("owner/repo")["a.fault-upload-cut.pt"].state == "starter"


def test_an_upload_stalls_until_it_is_resumed(hub: GitHub) -> None:
    release = new_release(hub)
    answers: list[int] = []
    client = threading.Thread(
        target=lambda: answers.append(upload(hub, release, "a.fault-upload-stall.pt").status_code)
    )
    client.start()
    hub.wait_for_stall()
    assert hub.assets("owner/repo") == {}
    hub.resume()
    client.join()
    assert answers == [201]


def test_a_status_happens_once_or_always(hub: GitHub) -> None:
    release = new_release(hub)
    assert [upload(hub, release, "a.fault-500-once.pt").status_code for _ in range(2)] == [500, 201]
    assert [upload(hub, release, "a.fault-503.pt").status_code for _ in range(2)] == [503, 503]
    slowed = upload(hub, release, "a.fault-429-once.pt")
    assert (slowed.status_code, slowed.headers["Retry-After"]) == (429, "1")


def test_an_asset_may_have_no_digest(hub: GitHub) -> None:
    assert upload(hub, new_release(hub), "a.fault-no-digest.pt").json()["digest"] is None


# Faults on the way down


def test_a_download_ends_half_way_and_the_rest_can_be_asked_for(hub: GitHub) -> None:
    name = placed(hub, "fault-close-half-once")
    with requests.get(resolve(hub, name), stream=True, timeout=20) as answer:
        assert answer.headers["Content-Length"] == str(SIZE)
        assert answer.raw.read(SIZE, decode_content=False) == DATA[: SIZE // 2]
    assert download(hub, name, Range=f"bytes={SIZE // 2}-").content == DATA[SIZE // 2 :]


def test_a_download_stalls_until_it_is_resumed(hub: GitHub) -> None:
    with requests.get(resolve(hub, placed(hub, "fault-stall")), stream=True, timeout=20) as answer:
        assert answer.raw.read(SIZE // 2, decode_content=False) == DATA[: SIZE // 2]
        hub.wait_for_stall()
        hub.resume()
        assert answer.raw.read() == DATA[SIZE // 2 :]


@pytest.mark.parametrize(
    ("fault", "kind", "begins"),
    [
        ("html", "text/html; charset=utf-8", b"<!DOCTYPE html>"),
        ("json", "application/json; charset=utf-8", b'{"message"'),
        ("pointer", "application/octet-stream", b"version https://git-lfs"),
    ],
)
def test_something_else_comes_with_status_200(hub: GitHub, fault: str, kind: str, begins: bytes) -> None:
    answer = download(hub, placed(hub, f"fault-{fault}"))
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, kind)
    assert answer.content.startswith(begins)


def test_a_shorter_file_and_other_bytes_come_cleanly(hub: GitHub) -> None:
    assert download(hub, placed(hub, "fault-truncate")).content == DATA[: SIZE // 2]
    wrong = download(hub, placed(hub, "fault-wrong-bytes")).content
    assert (len(wrong), wrong == DATA) == (SIZE, False)


def test_ranges_are_ignored_misplaced_or_refused(hub: GitHub) -> None:
    ignored = download(hub, placed(hub, "fault-200-for-range"), Range="bytes=10-")
    assert (ignored.status_code, ignored.content) == (200, DATA)
    misplaced = download(hub, placed(hub, "fault-bad-content-range"), Range="bytes=10-19")
    assert (misplaced.status_code, misplaced.headers["Content-Range"]) == (206, f"bytes 11-20/{SIZE}")
    assert download(hub, placed(hub, "fault-416"), Range="bytes=10-").status_code == 416


def test_the_etag_changes_with_each_answer(hub: GitHub) -> None:
    name = placed(hub, "fault-etag-changes")
    tag = download(hub, name).headers["ETag"]
    assert download(hub, name, Range="bytes=10-", If_Range=tag).status_code == 200


def test_a_url_is_not_valid_yet_once(hub: GitHub) -> None:
    name = placed(hub, "fault-400-once")
    assert [download(hub, name).status_code for _ in range(2)] == [400, 200]

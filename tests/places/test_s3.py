"""S3 as people use it: a kill in the middle, somebody who is first, keys that are wrong, links that are signed."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from git_models import remotes, transfer
from git_models.errors import NotThere, Offline, RemoteError
from git_models.remotes import s3_upload
from git_models.remotes.base import Options
from git_models.remotes.s3 import S3
from tests.fakes.web import Reply, Request, html_reply, listen
from tests.helpers.sandbox import Sandbox
from tests.helpers.team import until
from tests.helpers.uploads import kill, made, read
from tests.places import servers
from tests.places.conftest import bucket, client, endpoint

PART = 5 << 20  # the least that the protocol allows
DATA = hashlib.shake_128(b"a large model").digest(3 * PART + 12_345)
SERVERS = ("moto", "rclone_s3", "seaweedfs")


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest, home: Path, aws: None) -> str:
    url: str = request.getfixturevalue(request.param)
    endpoint(home, "cloud", url)
    return url


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("git_models.remotes.s3.WHOLE", PART)
    monkeypatch.setattr(s3_upload, "PART", PART)


def place(path: str = "models/team") -> S3:
    made = remotes.open(f"s3://{path}", "cloud", Options(patience=5))
    assert isinstance(made, S3)
    return made


upload = partial(made, data=DATA, label="weights/żółw.pt 1.0")


def test_an_upload_goes_on_where_it_was_killed(server: str, rclone_s3: str, small_parts: None, tmp_path: Path) -> None:
    up = upload(tmp_path, f"killed-{server.rpartition(':')[2]}.pt")
    first = f"from git_models.remotes import s3, s3_upload; s3.WHOLE = s3_upload.PART = {PART}"
    kill("s3://models/team", "cloud", tmp_path / "cache", up, 5 * PART // 2, first)
    again = place()
    assert again.has([up.asset]) == {}
    parts: list[int] = []
    again._client().meta.events.register(
        "before-call.s3.UploadPart", lambda params, **_: parts.append(int(params["url_path"] is not None))
    )
    moved: list[int] = []
    again.put(up, moved.append)
    assert len(parts) == 2  # of four: two were there
    assert sum(moved) == len(DATA)
    held = again.has([up.asset])[up.asset]
    # Whatever the ETag of an upload in parts says. rclone's server forgets its metadata.
    assert held[:3] == (up.asset, len(DATA), None if server == rclone_s3 else up.sha256)
    assert read(again, up.asset) == DATA


class Blind(S3):
    """Does not see what is there already: another writer was quicker."""

    def _look(self, asset: str):  # type: ignore[no-untyped-def]
        return None


@pytest.mark.parametrize("size", [1000, len(DATA)])
def test_whoever_is_first_stays(
    request: pytest.FixtureRequest, home: Path, aws: None, size: int, tmp_path: Path, small_parts: None
) -> None:
    for name in ("moto", "seaweedfs"):  # rclone's server does not heed If-None-Match
        endpoint(home, "cloud", request.getfixturevalue(name))
        asset = f"first-{size}.pt"
        place().put(upload(tmp_path, asset, data=b"\0first"), lambda _: None)
        Blind(place().place, "cloud", Options()).put(upload(tmp_path, asset, data=DATA[:size]), lambda _: None)
        assert read(place(), asset) == b"\0first"
        assert not client(request.getfixturevalue(name)).list_multipart_uploads(Bucket="models").get("Uploads")


@pytest.mark.parametrize("size", [1000, PART + 1000])
def test_a_server_that_knows_no_conditions_is_asked_without(
    moto: str, home: Path, aws: None, size: int, small_parts: None, tmp_path: Path
) -> None:
    asked: list[str] = []

    def answer(request: Request) -> Reply:
        if request.headers.get("If-None-Match"):
            asked.append(request.method)
            said = b"<Error><Code>NotImplemented</Code><Message>A header is not implemented</Message></Error>"
            return Reply(501, said, {"Content-Type": "application/xml"})
        return servers.forward(moto, request)

    faults: list[str] = []
    listener = listen(answer, faults.append)
    endpoint(home, "cloud", f"http://127.0.0.1:{listener.port}")
    up, moved = upload(tmp_path, f"plain-{size}.pt", data=DATA[:size]), list[int]()
    place().put(up, moved.append)
    assert sum(moved) == size
    assert len(asked) == 1
    assert read(place(), up.asset) == DATA[:size]
    listener.stop()
    assert faults == []


def test_a_page_in_place_of_s3_is_told(home: Path, aws: None, tmp_path: Path) -> None:
    faults: list[str] = []
    listener = listen(lambda _: html_reply(200, "Blocked"), faults.append)
    endpoint(home, "cloud", f"http://127.0.0.1:{listener.port}")
    steps: tuple[Callable[[], object], ...] = (
        lambda: list(place().list()),
        lambda: place().has(["best.pt"]),
        lambda: place().get("best.pt"),
        lambda: place().put(upload(tmp_path, "best.pt"), lambda _: None),
        lambda: place().delete("best.pt"),
    )
    for step in steps:
        with pytest.raises(RemoteError, match="is no S3: is there a proxy") as caught:
            step()
        assert caught.value.fix == "look at models.cloud.endpoint and HTTPS_PROXY"
    listener.stop()


def test_a_second_push_sends_nothing_although_the_etag_is_no_md5(
    seaweedfs: str, home: Path, aws: None, small_parts: None, tmp_path: Path
) -> None:
    endpoint(home, "cloud", seaweedfs)
    up, first = upload(tmp_path, "in-parts.pt"), place()
    first.put(up, lambda _: None)
    tag = client(seaweedfs).head_object(Bucket="models", Key=f"team/{up.asset}")["ETag"]
    assert "-4" in tag and up.md5 not in tag
    asked: list[str] = []
    again = place()
    again._client().meta.events.register("before-call.s3", lambda model, **_: asked.append(model.name))
    item = transfer.Item(up.sha256, up.md5, up.size, up.asset, "in-parts.pt")
    assert transfer.missing([item], again) == []
    again.put(up, lambda _: None)
    assert set(asked) == {"HeadObject"}


def test_a_lone_file_comes_in_ranges_at_once(server: str, tmp_path: Path) -> None:
    up, source = upload(tmp_path, "ranges.pt"), place()
    source.put(up, lambda _: None)
    what = transfer.Item(up.sha256, up.md5, up.size, up.asset, "ranges.pt")
    landed: list[bytes] = []
    done = transfer.download(
        [what],
        str(tmp_path / "incomplete"),
        [source],
        land=lambda _, file: landed.append(Path(file).read_bytes()),
        pace=transfer.Pace(alone=1 << 20, range=4 << 20),
    )
    assert done.failed == ()
    assert landed == [DATA]


def test_a_bucket_that_does_not_exist_is_told(server: str, tmp_path: Path) -> None:
    nowhere = place("no-such-bucket/team")
    with pytest.raises(RemoteError, match="there is no bucket no-such-bucket") as caught:
        nowhere.put(upload(tmp_path, "x.pt", data=b"\0x"), lambda _: None)
    assert caught.value.fix.startswith("aws s3 mb s3://no-such-bucket")
    with pytest.raises(RemoteError, match="no bucket"):
        list(nowhere.list())
    with pytest.raises(NotThere):
        place().get("absent.pt")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("AWS_SECRET_ACCESS_KEY", "other-secret", "the secret key does not belong"),
        ("AWS_ACCESS_KEY_ID", "UNKNOWN", "access key is not known"),
        ("AWS_PROFILE", "no-such-profile", "the AWS profile does not exist"),
    ],
)
def test_wrong_keys_are_told(
    seaweedfs: str,
    home: Path,
    aws: None,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    value: str,
    words: str,
    tmp_path: Path,
) -> None:
    endpoint(home, "cloud", seaweedfs)
    monkeypatch.setenv(name, value)
    with pytest.raises(RemoteError, match=words) as caught:
        place().put(upload(tmp_path, "x.pt", data=b"\0x"), lambda _: None)
    for secret in (servers.SECRET, "other-secret"):
        assert secret not in caught.value.what + caught.value.fix


def test_without_keys_one_is_a_stranger(
    seaweedfs: str, moto: str, home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    endpoint(home, "cloud", seaweedfs)
    with pytest.raises(RemoteError, match="no AWS credentials were found, and strangers may not") as caught:
        place().put(upload(tmp_path, "x.pt", data=b"\0x"), lambda _: None)
    assert "git config models.cloud.profile" in caught.value.fix
    client(moto).put_object(Bucket="models", Key="team/public.pt", Body=b"\0public", ACL="public-read")
    endpoint(home, "cloud", moto)  # it lets everybody read
    assert read(place(), "public.pt") == b"\0public"


def test_signed_and_public_links_need_no_boto3(seaweedfs: str, moto: str, monkeypatch: pytest.MonkeyPatch) -> None:
    boto = client(seaweedfs)
    boto.put_object(Bucket="models", Key="team/signed.pt", Body=DATA)
    client(moto).put_object(Bucket="models", Key="team/public.pt", Body=DATA, ACL="public-read")
    wanted = {"Bucket": "models", "Key": "team/signed.pt"}
    good, short = (boto.generate_presigned_url("get_object", wanted, ExpiresIn=s) for s in (600, 1))
    monkeypatch.setitem(sys.modules, "boto3", None)
    assert read(remotes.links(), good, 5) == DATA[5:]
    web = remotes.open(f"{moto}/models/team", "public")
    assert web.has(["public.pt"])["public.pt"].size == len(DATA)
    assert read(web, "public.pt", 1, 9) == DATA[1:9]

    said: list[str] = []

    def refused() -> bool:
        try:
            remotes.links().get(short).close()
        except RemoteError as error:
            said.append(error.what)
        return bool(said)

    assert until(refused, 10)
    assert "expired" in said[0]
    assert "Signature=***" in said[0]


def test_a_server_that_is_not_there_is_offline(home: Path, aws: None) -> None:
    endpoint(home, "cloud", f"http://127.0.0.1:{servers.free_port()}")
    with pytest.raises(Offline):
        place().has(["x.pt"])


def test_an_endpoint_must_be_https(home: Path, aws: None) -> None:
    endpoint(home, "cloud", "http://minio.example.com:9000")
    with pytest.raises(RemoteError, match="plain http is for this machine alone"):
        place().has(["x.pt"])


def test_a_team_shares_models_in_a_bucket(
    seaweedfs: str, home: Path, aws: None, repo: Sandbox, clone: Callable[..., Sandbox]
) -> None:
    endpoint(home, "cloud", seaweedfs)
    said = repo.models("remote", "add", "cloud", "s3://models/story")
    assert "not work" not in said.err
    repo.models("setup")
    repo.weight("weights/best.pt", 300_000, seed=1)
    repo.commit("First weights")
    repo.git("push")
    assert repo.models("remote", "test", "--full").code == 0
    text = repo.read("models.yaml").decode()
    assert "s3://models/story" in text
    assert not any(secret in text for secret in (servers.KEY, servers.SECRET, "127.0.0.1"))
    other = clone("other")
    other.models("remote", "trust", "cloud")
    told = other.models("pull", "-v", env={"GIT_MODELS_TRACE": "1"})
    assert servers.SECRET not in told.out + told.err
    assert other.sha256("weights/best.pt") == repo.entries()["weights/best.pt"]["sha256"]
    assert other.models("verify", "--remote").code == 0


def test_a_bucket_takes_from_another_without_the_bytes_passing_here(
    moto: str, home: Path, aws: None, repo: Sandbox
) -> None:
    bucket(moto, "archive")
    for name, where in (("cloud", "models/source"), ("archive", "archive/target")):
        endpoint(home, name, moto)
        repo.models("remote", "add", name, f"s3://{where}", "--no-test")
    repo.weight("weights/best.pt", 300_000, seed=1)
    repo.models("add", "weights/best.pt")
    repo.models("push")
    told = repo.models("copy", "--from", "cloud", "--to", "archive")
    assert "copied 1 object" in told.out
    assert "without passing through this machine" in told.err
    entry = repo.entries()["weights/best.pt"]
    held = remotes.open("s3://archive/target", "archive").has([entry["asset"]])[entry["asset"]]
    assert (held.size, held.sha256) == (300_000, entry["sha256"])

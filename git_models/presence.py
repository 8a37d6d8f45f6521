"""Whether readers can get what the manifest names: the places are asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from git_models import messages, objects, places, remotes, transfer
from git_models.errors import ModelsError, word
from git_models.exchange import item
from git_models.findings import Finding
from git_models.manifest import Entry, Manifest
from git_models.repo import Repo


def on_remotes(repo: Repo, known: Manifest, entries: Sequence[Entry]) -> tuple[list[Finding], Mapping[str, set[str]]]:
    """Objects that readers cannot get: none of the places that may be asked has them with size and digest.

    Also URL -> the objects (sha256) that were seen there. A place that cannot be asked is a finding.
    """
    wanted = [e for e in entries if e.sha256 and e.asset and not e.urls]
    found, seen = links(entries, remotes.Options(top=repo.top, from_manifest=True)), {}
    for place in places.for_pull(repo, known):
        if not place.approved:
            stranger = messages.unapproved(place.name, place.url)
            found.append(Finding(stranger.what, stranger.fix))
            continue
        try:
            lacking = {i.sha256 for i in transfer.missing([item(e) for e in wanted], places.connect(repo, place))}
        except ModelsError as failed:
            found.append(Finding(failed.what, failed.fix))
            continue
        seen[place.url] = {e.sha256 for e in wanted} - lacking
    if not seen and wanted and not places.for_pull(repo, known):
        nowhere = messages.no_place()
        found.append(Finding(nowhere.what, nowhere.fix))
    anywhere = set().union(*seen.values())
    absent = list({(e.path, e.sha256): e for e in wanted if seen and e.sha256 not in anywhere}.values())
    fork, there = _on_fork(repo, absent)
    for entry in absent:
        if entry.sha256 in there:
            what, fix = f"; only the fork {fork} has it", f"git models adopt {word(fork)}"
        else:
            what, fix = "", f"git models push {word(entry.path)}"
        found.append(Finding(f"{entry.path} ({entry.asset}) is not on {', '.join(seen)}{what}", fix, entry.path))
    return found, seen


def links(entries: Sequence[Entry], options: remotes.Options) -> list[Finding]:
    """Entries with `urls:` of which none answers with a file of the right size. One byte of each is asked for."""
    source, found = remotes.links(options), []
    for entry in entries:
        faults = []
        for url in entry.urls:
            try:
                with source.get(url, 0, 1) as body:
                    if entry.size < 0 or body.total in (None, entry.size):
                        break
                    faults.append(f"{url} has {body.total} bytes instead of {entry.size}")
            except ModelsError as failed:
                faults.append(failed.what)
        else:
            if faults:
                found.append(
                    Finding(f"{entry.path}: {'; '.join(faults)}", f"git models pull {word(entry.path)}", entry.path)
                )
    return found


def _on_fork(repo: Repo, entries: Sequence[Entry]) -> tuple[str, set[str]]:
    """OWNER/REPO of the fork that the branch here came from, and which of these objects (sha256) it holds."""
    place = places.contributor(repo) if entries else None
    if place is None:
        return "", set()
    try:
        lacking = {i.sha256 for i in transfer.missing([item(e) for e in entries], places.connect(repo, place))}
    except ModelsError:
        return "", set()
    return "/".join(place.url.partition("?")[0].split("/")[-2:]), {e.sha256 for e in entries} - lacking


def note_seen(repo: Repo, entries: Sequence[Entry], seen: Mapping[str, set[str]]) -> None:
    """Remember what the places hold, and that they do not hold the rest."""
    for url, there in seen.items():
        objects.note_held(repo.models, url, there)
        objects.forget_held(repo.models, url, {e.sha256 for e in entries} - there)

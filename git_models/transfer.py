"""Move objects between this machine and remotes; all that commands need of it."""

from git_models.download import download
from git_models.manifest import Part
from git_models.partfile import SMALL
from git_models.upload import RATE, estimate, missing, parts_of, upload, uploads_of
from git_models.workers import Item, Outcome, Pace

__all__ = [
    "RATE",
    "SMALL",
    "Item",
    "Outcome",
    "Pace",
    "Part",
    "download",
    "estimate",
    "missing",
    "parts_of",
    "upload",
    "uploads_of",
]

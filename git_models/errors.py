"""What can go wrong in a way that a user can act on."""

from __future__ import annotations


class ModelsError(Exception):
    """An expected failure.

    `what` says in one or two lines what happened and to which file; `fix` is the command to type
    next (or "" where there is none). `code` is the exit code.
    """

    code = 1

    def __init__(self, what: str, fix: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.fix = fix


class UsageError(ModelsError):
    """The command line makes no sense: exit code 2."""

    code = 2


class NotARepository(ModelsError):
    """git says that this is no repository (or that it may not be used): exit code 128."""

    code = 128


class ManifestError(ModelsError):
    """`models.yaml` cannot be read or would not be valid; `line` counts from 1, 0 if unknown."""

    def __init__(self, what: str, line: int = 0, fix: str = "") -> None:
        super().__init__(what, fix)
        self.line = line


class PathError(ModelsError):
    """A path that may not stand in a manifest."""


class RemoteError(ModelsError):
    """A remote refused or failed for good; trying again would not help."""


class Transient(RemoteError):
    """A remote failed in a way that passes: the queue tries again.

    `after` is the number of seconds that the server asked for, None if it did not say.
    """

    def __init__(self, what: str, fix: str = "", after: float | None = None) -> None:
        super().__init__(what, fix)
        self.after = after


class Offline(Transient):
    """The remote cannot be reached at all."""


class NotThere(RemoteError):
    """The remote answers, and does not hold this asset."""


class NotAModel(RemoteError):
    """What arrived is not the model: a page, a pointer, a truncated or a different file."""


class StartOver(RemoteError):
    """The bytes that were kept from an earlier try cannot be continued."""


def word(text: str) -> str:
    """`text` as one word of a command that people type into a shell, whatever characters it has.

    A path or name of somebody else's repository can hold `$(…)`; whoever copies our advice must not run it.
    """
    import shlex

    if text.startswith("-"):
        text = f"./{text}"  # a path or a name, not an option
    if text.isprintable():
        plain = "".join("a" if c.isalpha() else c for c in text)  # letters of any language
        fine = shlex.quote(plain) == plain and not text.startswith("~")
        return text if fine else shlex.quote(text)
    raw = text.encode("utf-8", "surrogateescape")
    octal = "".join(chr(b) if 32 <= b < 127 and b not in b"\\'" else f"\\{b:03o}" for b in raw)
    return f"$'{octal}'"

"""Moving bytes between files of one machine, and reaching a path without following links."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import re
import stat
import time
from collections.abc import Callable, Sequence

from git_models.errors import ModelsError, word
from git_models.hashing import BLOCK, Digests, Hasher

_FICLONE = 0x40049409  # linux/fs.h: share the extents of another file (btrfs, xfs)
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_DRAFT = r"\.([0-9]+)-[0-9]+\.git-models"
NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EACCES)
"""What some network and FAT file systems say to a hard link."""

_EAGER = 16 << 20  # bytes after which the disk is told to begin
UNFINISHED = ".*.git-models"  # the pattern that hides unfinished files of a work tree from git


def unfinished(name: str) -> str:
    """What the file that is to become `name` is called, in the same folder, until it is complete.

    The same name in every process, each of which holds the lock: what a killed one left is replaced.
    """
    return f".{hashlib.sha256(os.fsencode(name)).hexdigest()[:16]}.git-models"


def draft(folder: str) -> str:
    """A fresh name for an unfinished file in `folder`, which exists; what dead processes left there is removed."""
    for name in os.listdir(folder):
        found = re.fullmatch(_DRAFT, name)
        if found and int(found[1]) != os.getpid() and not os.path.exists(f"/proc/{found[1]}"):
            remove_old(os.path.join(folder, name))
    return os.path.join(folder, f".{os.getpid()}-{time.monotonic_ns()}.git-models")


def remove_old(file: str) -> None:
    """Remove what a dead process left unfinished, unless it is young."""
    # An hour: the process may live on another machine that shares the folder, or /proc may be missing.
    try:
        if time.time() - os.lstat(file).st_mtime > 3600:
            os.unlink(file)
    except FileNotFoundError:
        pass


def publish(temp: str, final: str) -> bool:
    """Give a finished file its name, which nothing has yet; False, and `temp` stays, when something has it."""
    try:
        os.link(temp, final)
    except FileExistsError:
        return False
    except OSError as failed:
        if failed.errno not in NO_LINKS:
            raise
        # The name is taken first, then filled.
        try:
            os.close(os.open(final, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC))
        except FileExistsError:
            return False
        os.replace(temp, final)
        return True
    os.unlink(temp)
    return True


def rename_new(source: str, target: str, source_dir: int, target_dir: int) -> None:
    """Rename within a file system to a name that nothing has. Raises FileExistsError, and nothing changed.

    Killed in between, the file has both names. Where the file system has no links, it is a plain rename.
    """
    try:
        os.link(source, target, src_dir_fd=source_dir, dst_dir_fd=target_dir, follow_symlinks=False)
    except OSError as failed:
        if failed.errno not in NO_LINKS:
            raise
        os.rename(source, target, src_dir_fd=source_dir, dst_dir_fd=target_dir)
        return
    remove(source, source_dir)


def remove(name: str, parent: int) -> None:
    """Remove a file of the open folder `parent`, if it is there."""
    try:
        os.unlink(name, dir_fd=parent)
    except FileNotFoundError:
        pass


def same_file(one: str, other: str, parent: int) -> bool:
    """Whether both names in the open folder `parent` are names of one file."""
    try:
        stats = [os.stat(name, dir_fd=parent, follow_symlinks=False) for name in (one, other)]
    except FileNotFoundError:
        return False
    return os.path.samestat(*stats)


def finish(top: str, path: str) -> None:
    """Remove the unfinished name that a process killed in `rename_new` left beside the file at `path`."""
    parent, name = open_parent(top, path)
    try:
        if same_file(unfinished(name), name, parent):
            remove(unfinished(name), parent)
    finally:
        os.close(parent)


def flush(files: Sequence[int]) -> None:
    """Bring the bytes of open files to the disk."""
    # The kernel is told of all small ones before it is waited for the first: their names and sizes then go to the
    # disk in one step (ext4: 1,000 files in 0.1 s instead of 0.3). Large ones keep their place in memory.
    for file in files:
        if len(files) > 1 and os.fstat(file).st_size <= BLOCK and hasattr(os, "posix_fadvise"):
            os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
    for file in files:
        os.fsync(file)


def let_go(file: int, before: int, after: int, soon: bool = False) -> None:
    """Have the disk take what was written so far, every 16 MiB; `before` and `after` are offsets.

    Else a large file waits in memory until its flush, and the disk rests while we hash. What is on the disk,
    or was only read, leaves memory, unless somebody reads the file `soon`: a copy need not push out what
    others work with.
    """
    start, stop = before // _EAGER * _EAGER, after // _EAGER * _EAGER
    if stop > start and hasattr(os, "posix_fadvise"):
        # The kernel starts to write what is not on the disk yet, and drops what is.
        start = start if soon else 0
        os.posix_fadvise(file, start, stop - start, os.POSIX_FADV_DONTNEED)


def clone(source: int, target: int) -> bool:
    """Make `target` (an empty file, by descriptor) share `source`'s extents; False where that cannot be."""
    try:
        fcntl.ioctl(target, _FICLONE, source)
    except OSError:
        return False
    return True


def copy(source: int, target: int, how: str = "auto") -> None:
    """Copy all bytes by descriptor; the kernel does it where it can.

    `how` is `models.link`: with "auto" the extents are shared where the file system can, "copy" writes new ones.
    """
    if how == "auto" and clone(source, target):
        return
    step = _some if how == "auto" else _block  # the kernel's own copying may share extents as well
    done = 0
    while count := step(source, target, done):
        let_go(target, done, done + count, soon=True)
        done += count


def _some(source: int, target: int, offset: int) -> int:
    try:
        return os.copy_file_range(source, target, _EAGER, offset, offset)
    except OSError as failed:
        if failed.errno not in (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP):
            raise
    return _block(source, target, offset)


def _block(source: int, target: int, offset: int) -> int:
    data = os.pread(source, BLOCK, offset)
    view = memoryview(data)
    while view:
        view = view[os.pwrite(target, view, offset + len(data) - len(view)) :]
    return len(data)


def hashed(source: int, target: int | None = None, advance: Callable[[int], None] = lambda _: None) -> Digests:
    """The digests of `source` from its start; with `target`, what was hashed is what was copied.

    Where extents can be shared the copy is made first, and the copy is what is hashed: a writer that
    goes on writing into the source cannot make the object differ from its name.
    """
    if target is not None and clone(source, target):
        source, target = target, None
    hasher = Hasher()
    offset = 0
    while data := os.pread(source, BLOCK, offset):
        offset += len(data)
        hasher.update(data)
        if target is not None:
            view = memoryview(data)
            while view:
                view = view[os.write(target, view) :]
            let_go(target, offset - len(data), offset)
        advance(len(data))
    return hasher.digests()


def settle(file: int) -> None:
    """Make sure that whatever is written into the file from now on changes its mtime.

    A process that has the file mapped writes into pages that are dirty already, and only the first
    write to a clean page stamps the file: so the pages are written out first.
    """
    if written_by_others(file):
        os.fsync(file)


def written_by_others(file: int) -> bool:
    """Whether some process has the file open for writing.

    A read lease is granted only where nobody has (fcntl(2), F_SETLEASE). Where leases do not exist
    the answer is True: whoever asks then copies instead of moving.
    """
    try:
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except (OSError, AttributeError):
        return True
    return False


def held_for_writing(file: int) -> bool:
    """Whether some process surely has the file open for writing; False where nobody can tell."""
    try:
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except BlockingIOError:
        return True
    except (OSError, AttributeError):
        pass
    return False


def open_parent(top: str, path: str, create: bool = False) -> tuple[int, str]:
    """An open descriptor of the folder that holds `path` below `top`, and the path's last part.

    Walks component by component and follows no link. Raises ModelsError where a component is a link
    or no folder, FileNotFoundError where one is missing and `create` is false.
    """
    *folders, name = path.split("/")
    at = os.open(top, _FOLDER & ~os.O_NOFOLLOW)
    try:
        for depth, folder in enumerate(folders):
            if create:
                try:
                    os.mkdir(folder, dir_fd=at)
                except FileExistsError:
                    pass
                except OSError as failed:
                    failed.filename = os.path.join(top, *folders[: depth + 1])  # it was told of the last part alone
                    raise
            try:
                below = os.open(folder, _FOLDER, dir_fd=at)
            except OSError as failed:
                if failed.errno not in (errno.ELOOP, errno.ENOTDIR):
                    raise
                kind = "a link" if stat.S_ISLNK(os.stat(folder, dir_fd=at, follow_symlinks=False).st_mode) else "a file"
                where = "/".join(folders[: depth + 1])
                raise ModelsError(f"{path} was left alone: {where} is {kind}, not a folder") from None
            os.close(at)
            at = below
    except BaseException:
        os.close(at)
        raise
    return at, name


def need_inside(top: str, folder: str) -> None:
    """Raise ModelsError where an absolute path below `top` leads out of it, or into git's own folder, by a link.

    A commit can bring links. Folders outside `top` are the user's own choice, and so are the links there.
    """
    if not folder.startswith(top + os.sep):
        return
    written, real = os.path.relpath(folder, top), os.path.relpath(os.path.realpath(folder), os.path.realpath(top))
    inside, gits = real.split(os.sep)[0] != os.pardir, real.split(os.sep)[0] == ".git"
    if inside and (not gits or written.split(os.sep)[0] == ".git"):
        return
    where = os.path.realpath(folder)
    raise ModelsError(
        f"{written} leads out of the work tree, to {where}, by a link that a commit may have brought",
        f"name that folder itself, if you mean it: {word(where)}" if inside or not gits else "",
    )


def need_place(top: str, where: str) -> None:
    """Raise ModelsError where the absolute path `where` is none to put a model: it leads out of `top` by a link, or
    it is git's own or the manifest's.

    A file in a repository's `.git` is a ref, a hook or a setting to git, and ours find their state there.
    """
    if top:
        need_inside(top, os.path.dirname(where))
    written = os.path.relpath(where, top) if top else where
    if ".git" in (part.casefold() for part in where.split(os.sep)):
        raise ModelsError(f"{written} is in git's own folder; nothing was put there", "name a place outside .git")
    if top and written.casefold() == "models.yaml":
        raise ModelsError("models.yaml is the manifest itself; no model was put there", "name another file")


def regular(top: str, path: str, walked: set[str] | None = None) -> os.stat_result | None:
    """The stat of the regular file at `path`, None when there is none (or a link, or a folder).

    Raises ModelsError where the way to it leads through a link. Folders in `walked` led through none a moment
    ago and are not looked at again: good enough to look at a file, not to write one.
    """
    folder = path.rpartition("/")[0]
    try:
        if walked is not None and folder in walked:
            st = os.lstat(f"{top}/{path}")
        else:
            parent, name = open_parent(top, path)
            try:
                st = os.stat(name, dir_fd=parent, follow_symlinks=False)
            finally:
                os.close(parent)
            if walked is not None:
                walked.add(folder)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return st if stat.S_ISREG(st.st_mode) else None


def open_file(top: str, path: str) -> int:
    """A descriptor for reading the regular file at `path`, reached without following links."""
    parent, name = open_parent(top, path)
    try:
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, dir_fd=parent)
    except OSError as failed:
        if failed.errno == errno.ELOOP:
            raise ModelsError(
                f"{path} is a symbolic link; git models records the file it points to", "git models add TARGET"
            ) from None
        raise
    finally:
        os.close(parent)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise ModelsError(f"{path} is not a regular file")
    return file

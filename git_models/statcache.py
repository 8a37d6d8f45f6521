"""Which file had which bytes when we last looked, so that nothing is hashed twice.

A record is believed only when size, mtime, ctime and inode are as they were, and when the file was
not written in the instant it was looked at (git's "racy" rule). Also a script: the hook runs this
file with `python -I -S` to ask whether any model changed, so nothing but os, sys and marshal is
imported.
"""

import marshal
import os
import sys

# Linux stamps files with a clock that ticks every 1 to 10 ms; a write within the same tick as our
# look leaves the stamp as it was.
_TICK = 20_000_000  # ns

# oid, md5, size, mtime_ns, ctime_ns, inode, time of the look in ns
Record = tuple[str, str, int, int, int, int, int]


def record(oid: str, md5: str, st: os.stat_result, at: int) -> Record:
    """What to remember of a file whose bytes were hashed; `at` is a time (ns) before the hashing began."""
    return (oid, md5, st.st_size, st.st_mtime_ns, st.st_ctime_ns, st.st_ino, at)


def settle(file: int | str) -> None:
    """Date a file that we wrote and that nobody else has yet back by an instant, so that its stat is believed at once.

    Whatever others write into it from now on gives it another mtime.
    """
    st = os.stat(file)
    os.utime(file, ns=(st.st_atime_ns, st.st_mtime_ns - _TICK - 1))


def trusted(known: Record, st: os.stat_result) -> bool:
    """Whether a file with this stat still has the bytes of the record."""
    return same(known, st) and known[3] + _TICK < known[6]


def same(known: Record, st: os.stat_result) -> bool:
    """Whether a file has the stat of the record; a write in the instant of the look may be missed, see `trusted`."""
    return known[2:6] == (st.st_size, st.st_mtime_ns, st.st_ctime_ns, st.st_ino)


def load(file: str) -> dict[str, Record]:
    """The records by path; {} when there are none or the file is of another Python."""
    return _read(file)[0]


def _read(file: str) -> tuple[dict[str, Record], list[str]]:
    try:
        with open(file, "rb") as stream:
            # S302: the file is ours, in the git directory, where an attacker could as well write a hook.
            records, differing = marshal.loads(stream.read())  # noqa: S302
    except (OSError, ValueError, EOFError, TypeError):
        return {}, []
    return records, differing


def save(file: str, records: dict[str, Record], named: dict[str, str]) -> None:
    """Replace the records; `named` is the sha256 that the manifest gives each path.

    A cache: the last of several writers wins, and nothing is lost by that.
    """
    differing = [path for path, known in records.items() if named.get(path, known[0]) != known[0]]
    replace(file, marshal.dumps((records, differing)))


def replace(file: str, data: bytes) -> None:
    """Replace a cache in one step. A failure to write it is none: on a full disk people must see what fills it."""
    temp = f"{file}.{os.getpid()}"
    try:
        os.makedirs(os.path.dirname(file), exist_ok=True)
        with open(temp, "wb") as stream:
            stream.write(data)
        os.replace(temp, file)
    except OSError:
        _drop(temp)


def _drop(temp: str) -> None:
    try:
        os.unlink(temp)
    except OSError:
        pass


def changed(file: str, top: str) -> bool:
    """Whether any recorded file that is there may have other bytes than the manifest says."""
    records, differing = _read(file)
    for path, known in records.items():
        try:
            st = os.lstat(os.path.join(top, path))
        except OSError:
            continue
        if path in differing or not trusted(known, st):
            return True
    return False


def watch(file: str, top: str, stat: str) -> None:
    """Write the list of recorded files for `find -cnewer`: whichever changes from now on is newer than the list.

    Names end with NUL and begin with `./`. The list is as old as can be while one of them has changed already, and
    where it cannot be written anew.
    """
    temp = f"{file}.{os.getpid()}"
    try:
        with open(temp, "wb") as stream:
            for path in load(stat):
                stream.write(b"./%s\0" % os.fsencode(path))
            stream.flush()
            # By the clock of the file system. What changes while we look is newer.
            now = os.fstat(stream.fileno()).st_mtime_ns
        since = 0 if changed(stat, top) else now - _TICK
        os.utime(temp, ns=(since, since))
        os.replace(temp, file)
    except OSError:
        _drop(temp)
        if os.path.exists(file):
            os.utime(file, ns=(0, 0))


if __name__ == "__main__":
    sys.exit(changed(*sys.argv[1:3]))


if due && ! replaying; then start "$@"; fi
# `git clean -fdx` takes models away, too: a change of branch (not of one file) brings them back.
if [ "$3" = 1 ] && [ -e "$state/stat" ] && [ -x "$python" ] && [ -e models.yaml ] && ! replaying; then
	"$python" -I -S "$package/statcache.py" "$state/stat" . gone || start "$@"
fi
exit 0

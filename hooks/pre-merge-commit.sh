
# The tree of an automatic merge is built already; what it carries can still stop it.
set --
while IFS= read -r glob; do
	set -- "$@" "$glob"
done <<END
$(cat "$state/pathspecs" 2>/dev/null)
END
[ -n "$1" ] || start
git diff-index --cached --quiet --no-renames --diff-filter=d HEAD -- "$@" || start
exit 0

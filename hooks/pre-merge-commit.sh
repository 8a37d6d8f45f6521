
# The tree of an automatic merge is built already; what it carries can still stop it.
set --
[ -e "$state/pathspecs" ] || start
while IFS= read -r glob; do
	set -- "$@" "$glob"
done <"$state/pathspecs"
git diff-index --cached --quiet --no-renames --diff-filter=d HEAD -- "$@" || start
exit 0

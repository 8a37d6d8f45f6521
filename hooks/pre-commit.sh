
# What may be a weight: the default globs and the manifest's, then this clone's own.
set --
[ -e "$state/pathspecs" ] || start
while IFS= read -r glob; do
	set -- "$@" "$glob"
done <"$state/pathspecs"

# A staged file from `floor` bytes on is looked at: half of what GitHub (or models.limit) refuses.
floor=50000000
while read -r key value; do
	case $key in
	models.limit) floor=$(($(git config --type=int models.limit 2>/dev/null || echo 0) / 2)) ;;
	models.track)
		case $value in
		!*) ;;
		*/*) set -- "$@" ":(glob,icase)$value" ;;
		*) set -- "$@" ":(glob,icase)**/$value" ;;
		esac
		;;
	esac
done <<END
$(git config --get-regexp '^models\.(track|limit)$')
END

# Whether all that is new is a manifest that we wrote ourselves, and nothing of an earlier commit is left to settle.
written() {
	[ -e "$state/staged" ] && [ ! -e "$dir/commondir" ] && [ ! -e "$state/pending" ] || return 1
	for left in "$state/aside"/*; do
		[ ! -e "$left" ] || return 1
	done
	read -r oid <"$state/staged"
	newline='
'
	new=$(git diff-index --cached --no-renames --diff-filter=d --no-abbrev "$against" -- "$@")
	case $new in
	*"$newline"*) return 1 ;;
	:??????" 100644 "*" $oid "[AM]"	models.yaml") return 0 ;;
	*) return 1 ;;
	esac
}

# A commit that replaces HEAD may keep a weight of HEAD's.
against=HEAD
if called_with -e --amend -e --amen -e --ame -e --am; then against=HEAD^; fi
git diff-index --cached --quiet --no-renames --diff-filter=d "$against" -- "$@" 2>/dev/null || written "$@" || start
git diff-index --cached --no-renames --diff-filter=d --no-abbrev "$against" |
	cut -d ' ' -f 4 | git cat-file --batch-check='%(objectsize)' | {
	while read -r size _; do
		case $size in
		*[!0-9]*) ;; # a submodule
		*) [ "$size" -lt "$floor" ] || exit 1 ;;
		esac
	done
} || start

! touched || start
# For post-commit: git did ask us about this commit.
echo "$PPID" >"$state/asked"
exit 0

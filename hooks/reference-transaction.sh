
# Commits have arrived that may track a path that is recorded and ignored here. git overwrites an
# ignored file without a word, so the path must be out of the exclude block before git merges.
# (What is committed here is post-commit's: this hook sees HEAD move then.)
[ "$1" = committed ] && [ -s "$state/synced.yaml" ] || exit 0
# Where another hook was here before, it has had the lines.
[ -n "$input" ] || exec 3<&0
[ -z "$input" ] || exec 3<<END
$input
END
set --
while read -r old new ref; do
	case $new in *[!0]*) ;; *) continue ;; esac
	case $ref in
	HEAD) exit 0 ;;
	refs/remotes/* | refs/heads/*)
		set -- "$@" "$new"
		case $old in *[!0]*) set -- "$@" "^$old" ;; esac
		;;
	ORIG_HEAD)
		# A merge begins, and what `git pull URL` fetched has no ref.
		[ ! -e "$dir/FETCH_HEAD" ] || while read -r new _; do set -- "$@" "$new"; done <"$dir/FETCH_HEAD"
		;;
	esac
done <&3
[ -n "$1" ] || exit 0
git rev-parse -q --verify HEAD >/dev/null && set -- "$@" ^HEAD
printf '%s\n' "$@" | git log --stdin --format= --name-only --no-renames --diff-filter=AM -m --root |
	git check-ignore --stdin --no-index --verbose | grep -q '^[^:]*info/exclude:' || exit 0
start


remote=$1
url=$2
set --
while read -r _ local ref theirs; do
	[ -n "$local" ] || continue
	case $local in
	*[!0]*)
		set -- "$@" "$local"
		case $theirs in
		*[!0]*) ! git cat-file -e "$theirs" 2>/dev/null || set -- "$@" "^$theirs" ;;
		esac
		;;
	*) case $ref in refs/tags/git-models | refs/tags/git-models-*) start "$remote" "$url" ;; esac ;;
	esac
done <<END
$input
END

# git tells no hook what a mirror or a pruning push deletes.
if called_with -e --mirror -e --prune || [ "$(git config --bool "remote.$remote.mirror")" = true ]; then
	start "$remote" "$url"
fi
[ -n "$1" ] || exit 0
case $remote in
*/* | *:*) ;;
*) set -- "$@" --not "--remotes=$remote" ;;
esac

# Commits that change the manifest, or that bring a blob of 1 MB or more.
[ -z "$(git rev-list -1 "$@" -- models.yaml)" ] || start "$remote" "$url"
if git rev-list --objects --filter=blob:limit=1m --filter-print-omitted "$@" | grep -q '^~'; then
	start "$remote" "$url"
fi
exit 0

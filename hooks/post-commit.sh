
# Left by pre-commit when it took weights out of the commit.
[ ! -e "$state/pending" ] || start
# A commit made with --no-verify may track a path that is recorded, and ignored by our block.
asked=
[ ! -e "$state/asked" ] || read -r asked <"$state/asked"
if [ "$asked" != "$PPID" ] && [ -s "$state/synced.yaml" ]; then
	common=$dir
	[ ! -e "$dir/commondir" ] || common=$(git rev-parse --git-common-dir)
	[ -z "$(git ls-files --cached --ignored --exclude-from="$common/info/exclude")" ] || start
fi
exit 0

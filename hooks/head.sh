#!/bin/sh
# git-models hook 1 (@NAME@). Written by `git models setup`; `git models setup --uninstall` takes it out again.
# It asks git alone whether there is anything to do, and starts Python only then.
python='@PYTHON@'
package='@PACKAGE@'

before=${0%/*}/@NAME@.before-git-models
# git asks before, at and after each change of a ref; we listen to one of the three.
case @NAME@ in reference-transaction) [ -x "$before" ] || [ "$1" = committed ] || exit 0 ;; esac

# A commit can put a grep where we stand: programs come from absolute folders outside the work tree, links
# followed. The hook that was here before and Python get PATH as it is.
everywhere=$PATH
outside() {
	cd -P . && here=$PWD
	set -f
	IFS=:
	for folder in $PATH; do
		case $folder in /*) cd -P "$folder" 2>/dev/null || continue ;; *) continue ;; esac
		case $PWD/ in "$here"/*) ;; *) printf ':%s' "$folder" ;; esac
	done
}
# git puts its own folder first, and most systems keep the rest where no commit comes: that costs nothing to see.
own=${PATH%%:*}
case $own in
/*/git-core) [ -x /usr/bin/grep ] && [ -x /usr/bin/find ] && [ -x /usr/bin/cmp ] || own= ;;
*) own= ;;
esac
if [ -n "$own" ]; then
	PATH=$own:/usr/bin:/bin
else
	PATH=$(outside)
	PATH=${PATH:-:/usr/bin:/bin}
	PATH=${PATH#:}
fi

# The hook that was here before runs first, with the same arguments and the same input. Some shell
# hooks (Husky's) ask for their own name, so a shell is given it.
earlier() {
	IFS= read -r line <"$before"
	case ${line%% -*} in
	'#!'*[/\ ]sh | '#!'*[/\ ]bash | '#!'*[/\ ]dash | '#!'*[/\ ]ash | '#!'*[/\ ]ksh | '#!'*[/\ ]zsh) PATH=$everywhere ${line#??} -c 'file=$1; shift; . "$file"' "${0%/*}/@NAME@" "$before" "$@" ;;
	*) PATH=$everywhere "$before" "$@" ;;
	esac
}
# Where the pre-commit framework calls us, it must not be called from here again.
[ -z "$PRE_COMMIT_RUNNING_LEGACY" ] || ! grep -q hook-impl "$before" 2>/dev/null || before=
input=
case @NAME@ in
pre-push | post-rewrite) input=$(cat) ;;
reference-transaction) [ ! -x "$before" ] || input=$(cat) ;;
esac
if [ -x "$before" ]; then
	case @NAME@ in
	pre-push | post-rewrite | reference-transaction) printf '%s\n' "$input" | earlier "$@" || exit ;;
	*) earlier "$@" || exit ;;
	esac
fi

# To git's question which files changed: look at everything yourself (githooks(5), version 2).
case @NAME@ in fsmonitor) printf 'git-models\000/\000' ;; esac

# GIT_MODELS_RUNNING: git was called by git models itself, which knows what it is doing.
[ -z "$GIT_MODELS_SKIP$GIT_MODELS_RUNNING" ] || exit 0
dir=${GIT_DIR:-.git}
state=$dir/models
# A folder that core.hooksPath names may serve every repository: only those that were set up are ours.
case $0 in
"$dir"/hooks/* | */models/fsmonitor) ;;
*) git config --local merge.git-models.driver >/dev/null || exit 0 ;;
esac

# Start Python for this event and end with its answer. Only a pre-* hook may stop git.
start() {
	status=1
	if [ -x "$python" ] && [ -e "$package/main.py" ]; then
		export GIT_MODELS_PARENT="$PPID"
		case @NAME@ in
		pre-push | post-rewrite) printf '%s\n' "$input" | PATH=$everywhere "$python" -I "$package/__main__.py" hook @NAME@ "$@" ;;
		*) PATH=$everywhere "$python" -I "$package/__main__.py" hook @NAME@ "$@" ;;
		esac
		status=$?
	else
		echo "git models: no longer installed for $python; next: pip install git-models && git models setup" >&2
	fi
	case @NAME@ in pre-*) exit $status ;; esac
	exit 0
}

# Whether the git that runs this hook was called with one of these words.
called_with() {
	pid=$PPID
	# The pre-commit framework stands in between.
	[ -z "$PRE_COMMIT_RUNNING_LEGACY" ] || pid=$(ps -o ppid= -p "$PPID" | tr -d ' ')
	if [ -r "/proc/$pid/cmdline" ]; then
		grep -zqxF "$@" "/proc/$pid/cmdline"
	else
		ps -o args= -p "$pid" | tr ' ' '\n' | grep -qxF "$@"
	fi
}

# Whether a model on disk may be another than the one that is recorded. `watched` names them all and is
# as old as our last look; the kernel sets a file's change time, whatever is done to the file.
touched() {
	[ -e "$state/stat" ] && [ -x "$python" ] && [ -e "$package/statcache.py" ] || return 1
	list=$state/watched
	if [ -e "$list" ]; then
		# GNU find reads the names itself (4.9); another one, and one that misses a file, gets them as words.
		# shellcheck disable=SC2185
		new=$(find -files0-from "$list" -prune -cnewer "$list" 2>/dev/null) ||
			new=$(xargs -0 sh -c 'exec find "$@" -prune -cnewer "$0"' "$list" <"$state/watched" 2>/dev/null)
		[ -n "$new" ] || return 1
	fi
	! "$python" -I -S "$package/statcache.py" "$state/stat" .
}

# Whether models.yaml is not the one that the models on disk were last made to match.
differs() {
	if [ -e models.yaml ]; then
		! cmp -s models.yaml "$state/synced.yaml"
	else
		[ -e "$state/synced.yaml" ]
	fi
}

# The same, or an earlier hook left something to fetch.
due() {
	[ -e "$state/due" ] || differs
}

# The first word of a file's first line that is no comment.
first() {
	while read -r word _; do
		case $word in '' | '#'*) ;; *) break ;; esac
	done <"$1"
	echo "$word"
}

# Whether git is replaying commits and goes on after this one: then we wait for the last, or for one
# at which git stops. A fast-forward rebase runs all its hooks with nothing left to do.
replaying() {
	if [ -e "$dir/rebase-apply/next" ]; then
		[ "$(cat "$dir/rebase-apply/next")" -lt "$(cat "$dir/rebase-apply/last")" ]
	elif [ -e "$dir/rebase-merge" ]; then
		[ -e "$dir/rebase-merge/git-rebase-todo" ] || return 0
		case $(first "$dir/rebase-merge/git-rebase-todo") in '' | exec | x | break | b) return 1 ;; esac
		[ ! -e "$dir/rebase-merge/amend" ] || return 1
		case $(tail -n 1 "$dir/rebase-merge/done" 2>/dev/null) in 'edit '* | 'e '*) return 1 ;; esac
		return 0
	else
		return 1
	fi
}

#!/bin/sh
# git-models hook 1 (@NAME@). Written by `git models setup`; `git models setup --uninstall` takes it out again.
# It asks git alone whether there is anything to do, and starts Python only then.
python='@PYTHON@'
package='@PACKAGE@'

# The hook that was here before runs first, with the same arguments and the same input.
before=$0.before-git-models
input=
case @NAME@ in pre-push | post-rewrite) input=$(cat) ;; esac
if [ -x "$before" ]; then
	case @NAME@ in
	pre-push | post-rewrite) printf '%s\n' "$input" | "$before" "$@" || exit ;;
	*) "$before" "$@" || exit ;;
	esac
fi

# GIT_MODELS_RUNNING: git was called by git models itself, which knows what it is doing.
[ -z "$GIT_MODELS_SKIP$GIT_MODELS_RUNNING" ] || exit 0
dir=${GIT_DIR:-.git}
state=$dir/models

# Start Python for this event and end with its answer. Only a pre-* hook may stop git.
start() {
	status=1
	if [ -x "$python" ] && [ -d "$package" ]; then
		export GIT_MODELS_PARENT="$PPID"
		case @NAME@ in
		pre-push | post-rewrite) printf '%s\n' "$input" | "$python" -I -m git_models hook @NAME@ "$@" ;;
		*) "$python" -I -m git_models hook @NAME@ "$@" ;;
		esac
		status=$?
	else
		echo "git models: it is no longer installed for $python," >&2
		echo "so nobody looked at the models of this repository." >&2
		echo "  next: pip install git-models && git models setup" >&2
	fi
	case @NAME@ in pre-*) exit $status ;; esac
	exit 0
}

# Whether the models on disk may not match models.yaml.
due() {
	[ ! -e "$state/due" ] || return 0
	if [ -e models.yaml ]; then
		! cmp -s models.yaml "$state/synced.yaml"
	else
		[ -e "$state/synced.yaml" ]
	fi
}

# Whether git is replaying commits: then we wait for the end of it.
replaying() {
	[ -e "$dir/rebase-merge" ] || [ -e "$dir/rebase-apply" ]
}

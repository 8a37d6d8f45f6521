
# git waits for this hook, and calls it often. Nothing is fetched here.
if ! replaying && due; then start "$@"; fi
exit 0

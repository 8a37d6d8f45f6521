
if ! replaying && due; then start "$@"; fi
exit 0

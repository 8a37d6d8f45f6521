
if due && ! replaying; then start "$@"; fi
exit 0

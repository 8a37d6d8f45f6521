"""These tests need PyTorch and downloaded wheels: `scripts/real-checkpoints` runs them.

Without its variable they are no part of a test run; with it, a missing tool fails them.
"""

import os

collect_ignore_glob = [] if os.environ.get("GIT_MODELS_REAL_CHECKPOINTS") else ["test_*.py"]

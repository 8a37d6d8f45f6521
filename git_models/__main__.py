import sys

from git_models.main import main

sys.exit(main())

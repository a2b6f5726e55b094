"""`python -m ai_patterns.cli`: the command without its script."""

import sys

from ai_patterns.cli import main

sys.exit(main())

"""``python -m daemon.cli`` is ``duban``."""

import sys

from daemon.cli import main

sys.exit(main())

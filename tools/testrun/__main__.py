"""Entry of `python -m testrun`."""

import sys

from testrun.cli import main

sys.exit(main())

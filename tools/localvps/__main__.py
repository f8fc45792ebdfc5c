"""Entry of `python3 -m localvps`."""

import sys

from localvps.cli import main

sys.exit(main())

#!/usr/bin/python3
"""`python3 -I -B deployment/diagnose`; scripts/diagnose.sh calls it."""

import sys

from milkbot_diagnose.program import main

sys.exit(main())

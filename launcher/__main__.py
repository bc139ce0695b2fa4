"""`python -m launcher` is `tlrun`."""

import sys

from launcher.main import main

sys.exit(main())

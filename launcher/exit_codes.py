"""Exit codes of `tlrun`, and those by which its ranks tell it something."""

EXIT_FAILED = 1
# Of a rank too: it ends with this code, as commands do for bad input, after it has said itself what is wrong.
EXIT_BAD_INPUT = 2
# Of a rank only: it ends because another one has failed. `dist` knows the same number.
EXIT_PEER_FAILED = 76
EXIT_TIMEOUT = 124

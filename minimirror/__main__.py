"""``python -m minimirror``, and the command ``minimirror``."""

import signal

# Until the command handles signals, its modules are imported: Ctrl-C then needs no traceback.
if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from minimirror.cli import main

__all__ = ["main"]

if __name__ == "__main__":
    main(prog_name="minimirror")

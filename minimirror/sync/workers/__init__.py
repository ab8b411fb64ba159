"""Where jobs run: in the threads of worker processes, each with its own connection.

``jobs`` defines the jobs and their results, and ``worker`` what a worker does with a job. ``processes``
starts the workers, hands out jobs and collects results; ``worker_process`` is the other end of its pipes.

Workers come from a fork server. It imports what they need once and forks them from there: that is cheap, as
forking the parent would be, and safe if the parent has threads, as spawning would be. Systems without fork
spawn them.

Each process begins with few threads, because threads of one interpreter get in each other's way: on a fast
network two of them keep a core busy. While the process is more than half idle, because the index responds
slowly, it doubles them, up to the number of connections that it may open.
"""

from minimirror.sync.workers.processes import LOOKAHEAD, Outcome, Pool, PoolError

__all__ = ["LOOKAHEAD", "Outcome", "Pool", "PoolError"]

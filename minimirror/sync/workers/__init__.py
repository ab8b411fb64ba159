"""The worker pool: processes, threads with a connection each in them, jobs in, results out.

What a job means is not known here: a job is any picklable value, and the function that answers it is given.

Workers come from a fork server. It imports what they need once and forks them from there: that is cheap, as
forking the parent would be, and safe where the parent has threads, as spawning would be. Where the system has
no fork, they are spawned.

Each process begins with few threads, because threads of one interpreter get in each other's way: on a fast
network two of them keep a core busy. While the process is more than half idle, which it is where answers take
their time, it doubles them, up to the number of connections it may keep.
"""

from minimirror.sync.workers.processes import LOOKAHEAD, Outcome, Pool, PoolError

__all__ = ["LOOKAHEAD", "Outcome", "Pool", "PoolError"]

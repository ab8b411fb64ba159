"""Where jobs run: in worker processes, each with many transfers in progress in one asyncio loop.

``jobs`` defines the jobs and their results, and ``worker`` what a worker does with a job. ``processes``
hands out jobs and collects results; ``channel`` carries both, and ``worker_process`` is at its other end.
``opening`` opens the workers of a run, and ``settings`` is what they are told. ``starting`` starts them on
this machine, ``dask`` on a Dask cluster, where ``hosting`` runs in the Dask workers. ``watch`` knows the jobs
of each worker, and which take too long.

Workers come from a fork server. It imports what they need once and forks them from there: that is cheap, as
forking the parent would be, and safe if the parent has threads, as spawning would be. Systems without fork
spawn them.
"""

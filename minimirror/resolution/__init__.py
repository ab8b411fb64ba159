"""The closure: every release that the targets need, from requirement files, locks and dependencies.

``reading`` reads the inputs that the config names (``inputs``): locks, and requirements for the resolver
(``uv``). ``policy`` applies the rules to what the resolver may choose. ``local_projects`` keeps the index
from filling local projects. ``cache`` tells which earlier resolutions are still valid. ``finder`` combines
them into a ``closure``; ``finding`` calls it if the config has requirements. Nothing here writes: a closure
carries what the catalog should remember.
"""

from minimirror.resolution.closure import Closure
from minimirror.resolution.finding import find_closure

__all__ = ["Closure", "find_closure"]

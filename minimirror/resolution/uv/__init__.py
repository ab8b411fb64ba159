"""The resolver: which releases an environment needs on a target, its dependencies' dependencies included.

It is uv, run for one environment and one target at a time over a view of the index that shows what the
rules let through for that target. So every rule holds in the resolution, and credentials, proxies, retries
and bounds are those of minimirror's own client.
"""

from minimirror.resolution.uv.model import Environment, Needed, Resolution, ResolveError, Terms
from minimirror.resolution.uv.resolver import resolve

__all__ = ["Environment", "Needed", "Resolution", "ResolveError", "Terms", "resolve"]

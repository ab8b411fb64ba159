"""Why a project's files are wanted or not (``explanation``), told by ``show``."""

from minimirror.explain.explanation import Explanation, ExplanationError, Need, explain

__all__ = ["Explanation", "ExplanationError", "Need", "explain"]

"""Plans: what a run will do, for one project (``project``) and as a whole (``whole``), told by ``show``."""

from minimirror.plan.project import ProjectPlan, file_row, is_too_much, plan_private, plan_project

__all__ = ["ProjectPlan", "file_row", "is_too_much", "plan_private", "plan_project"]

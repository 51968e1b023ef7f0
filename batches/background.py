"""The one background task: carry on with a run. It may be lost or delivered twice without harm."""

from __future__ import annotations

from importlib.util import find_spec

from .runner import resume

if find_spec("django.tasks"):
    from django.tasks import task
else:
    from django_tasks import task  # type: ignore[no-redef]


@task()
def carry_on(run_id: int) -> str:
    """Carry on with a run; return how it ended."""
    run = resume(run_id)
    return "nothing to do" if run is None else run.state

"""How many items wait for a reviewer, in the navigation of a project's pages."""

from django import template

from annotation.review import n_disputed
from projects.models import Project, Role

register = template.Library()


@register.simple_tag
def disputed_items(project: Project) -> int:
    """0 too for whoever may not settle them; one statement otherwise."""
    return n_disputed(project) if project.role.rank >= Role.REVIEWER.rank else 0

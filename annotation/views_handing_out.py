"""The page on which a manager hands out work, and the button that makes an item gold."""

from collections.abc import Mapping

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from annotation import golds, handing_out, training
from annotation.models import Gold, Reservation
from projects import project_actions
from projects.access import project_page
from projects.errors import Refused, WrongState
from projects.models import Project, Role, User
from projects.numbers import whole
from projects.training_settings import training_of

_SAMPLE = 200  # items whose data name the columns to choose from


@project_page(Role.MANAGER, writes=True)
def page(request: HttpRequest, project: Project) -> HttpResponse:
    if request.method == "POST":
        try:
            said = _ACTIONS.get(request.POST.get("action", ""), _unknown)(request, project, request.POST)
        except (Refused, WrongState) as error:
            messages.error(request, str(error))
        else:
            messages.success(request, said)
        return redirect("handing-out", project.pk)
    found = project.items.exclude(metadata={}).order_by("pk").values_list("metadata", flat=True)[:_SAMPLE]
    columns = sorted({name for metadata in found if isinstance(metadata, dict) for name in metadata})
    gold = Gold.objects.filter(project=project)
    n_gold, n_training = gold.filter(training=False).count(), gold.filter(training=True).count()
    shares, learning = handing_out.shares(project), training.states(project)
    context = {
        "project": project,
        "shares": shares,
        "training": training_of(project),
        "learning": [(share.membership, learning.get(share.membership.user_id, "")) for share in shares],
        "n_learning": len(learning),
        "n_reserved": Reservation.objects.filter(project=project).values("item").distinct().count(),
        "datasets": project.datasets.filter(status="finished"),
        "columns": columns,
        "modes": handing_out.MODES.items(),
        "n_gold": n_gold,
        "n_training": n_training,
        "n_all_gold": n_gold + n_training,
        "gold_percent": round(100 * project.gold_share),
    }
    return render(request, "annotation/handing_out.html", context)


@require_POST
@project_page(Role.MANAGER, writes=True)
def item_gold(request: HttpRequest, project: Project, item_id: int) -> HttpResponse:
    """Make an item gold (its label is the answer), or gold no more."""
    item = get_object_or_404(project.items, pk=item_id)
    one = project.items.filter(pk=item.pk)
    if request.POST.get("gold") == "no":
        golds.unmark(project, one)
        messages.success(request, f"{item.key} is gold no more.")
    elif golds.mark(project, one, request.user, training=request.POST.get("gold") == "training").marked:
        to_train = request.POST.get("gold") == "training"
        what = "for training: shown to new people with its answer" if to_train else "gold: its label is known for certain"
        messages.success(request, f"{item.key} is {what}.")
    else:
        messages.error(request, f"{item.key} has no label yet: settle it first, then make it gold.")
    return redirect("item", project.pk, item.pk)


def _unknown(request: HttpRequest, project: Project, given: QueryDict) -> str:
    raise Refused("action", "There is no such action.")


def _chosen(project: Project, given: QueryDict):
    filter = {name: given.get(name, "") for name in ("dataset", "search")} | {"state": given.get("state", "unlabeled")}
    return handing_out.chosen_items(project, filter=filter)


def _person(project: Project, given: QueryDict, name: str = "user") -> User:
    member = project.memberships.filter(user=whole(given.get(name, ""))).first()
    if member is None:
        raise Refused(name, "This person is no member of the project any more.")
    return member.user


def _reserve(request: HttpRequest, project: Project, given: QueryDict) -> str:
    chosen = [pk for pk in map(whole, given.getlist("users")) if pk is not None]
    people = User.objects.filter(memberships__project=project, pk__in=chosen).order_by("username")
    return _sentence(handing_out.reserve(project, _chosen(project, given), list(people), given.get("mode", "share")))


def _by_column(request: HttpRequest, project: Project, given: QueryDict) -> str:
    items = _chosen(project, given)
    return _sentence(handing_out.reserve_by_column(project, items, given.get("column", ""), given.get("by", "name")))


def _sentence(result: handing_out.HandedOut) -> str:
    said = f"{result.items:,} item{'' if result.items == 1 else 's'} reserved"
    if result.people:
        said += ": " + ", ".join(f"{n:,} for {name}" for name, n in list(result.people.items())[:8])
        said += f" and {len(result.people) - 8} more people" if len(result.people) > 8 else ""
    said += f". {result.left_out:,} left out: all whom they are meant for have answered them" if result.left_out else ""
    return f"{said}.{_named(result.unknown, 'Nobody here is called, or has the skill')}"


def _named(unknown: Mapping[str, int], words: str) -> str:
    if not unknown:
        return ""
    shown = ", ".join(f"{name} ({n:,})" for name, n in list(unknown.items())[:8])
    return f" {words}: {shown}{' and others' if len(unknown) > 8 else ''}."


def _release(request: HttpRequest, project: Project, given: QueryDict) -> str:
    n = handing_out.release_reserved(project)
    return f"{n:,} reservation{'' if n == 1 else 's'} ended: everybody may be asked for every item."


def _take_back(request: HttpRequest, project: Project, given: QueryDict) -> str:
    user = _person(project, given)
    to = _person(project, given, "to") if given.get("to") else None
    taken = handing_out.take_back(project, user, to)
    where = f"It is {to}'s now." if to else "It is free for the others."
    return f"Taken back from {user}: {taken.leases} on the screen, {taken.reserved:,} reserved. {where}"


def _pause(request: HttpRequest, project: Project, given: QueryDict) -> str:
    user = _person(project, given)
    if given.get("paused") == "no":
        handing_out.resume_member(project, user)
        return f"{user} gets items again."
    handing_out.pause_member(project, user)
    return f"{user} is paused: no new items until you let them go on."


def _skills(request: HttpRequest, project: Project, given: QueryDict) -> str:
    user = _person(project, given)
    skills = given.get("skills", "")[:2000].split(",")
    if any(len(skill.strip()) > 60 for skill in skills) or len(skills) > 50:
        raise Refused("skills", "At most 50 skills per person, each of at most 60 characters.")
    membership = project.memberships.get(user=user)
    project_actions.set_skills(membership, skills)
    return f"{user}: {', '.join(membership.skills) or 'no skills'}."


def _qualify(request: HttpRequest, project: Project, given: QueryDict) -> str:
    user = _person(project, given)
    if given.get("qualified") == "no":
        training.begin_anew(project, user)
        return f"{user} begins the training anew, and gets no real items until it is passed."
    training.let_in(project, user)
    return f"{user} is let in: real items, without the test."


def _qualify_all(request: HttpRequest, project: Project, given: QueryDict) -> str:
    n = training.let_everybody_in(project)
    return f"{n} {'person is' if n == 1 else 'people are'} let in. Who becomes a member from now on must pass."


def _share_gold(request: HttpRequest, project: Project, given: QueryDict) -> str:
    n = whole(given.get("n_training", ""))
    if n is None or n > 1000:
        raise Refused("n_training", "How many gold items are for training? A whole number from 0 to 1,000.")
    found = golds.share_out(project, n)
    return f"{found:,} gold item{' is' if found == 1 else 's are'} for training: shown to new people with the answer."


def _gold(request: HttpRequest, project: Project, given: QueryDict) -> str:
    if not given.get("column"):
        raise Refused("column", "Say which column of the data has the answer.")
    items = handing_out.chosen_items(project, filter={"dataset": given.get("dataset", "")})
    to_train = given.get("training") == "yes"
    result = golds.mark_by_column(project, items, given["column"], request.user, training=to_train)
    n = f"{result.marked:,} item{' is' if result.marked == 1 else 's are'} {'for training' if to_train else 'gold'} now."
    return n + _named(result.unknown, "Not a label of this project")


_ACTIONS = {
    "reserve": _reserve, "column": _by_column, "release": _release, "take_back": _take_back, "pause": _pause, "skills": _skills,
    "gold": _gold, "share_gold": _share_gold, "qualify": _qualify, "qualify_all": _qualify_all,
}  # fmt: skip

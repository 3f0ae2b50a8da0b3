"""Pages of accounts: one's own, and, for staff, everybody's."""

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.forms import PasswordChangeForm
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from projects import accounts
from projects.access import visible_projects
from projects.forms import DetailsForm, PersonForm
from projects.models import User

_PER_PAGE = 50


def account(request: HttpRequest) -> HttpResponse:
    """My names, my password, my REST token."""
    user, action = request.user, request.POST.get("action")
    password = PasswordChangeForm(user, request.POST if action == "password" else None)
    password.fields["old_password"].widget.attrs.pop("autofocus", None)
    # A copy: an invalid form must not change the name in the page's own top bar.
    details = DetailsForm(request.POST if action == "details" else None, instance=User.objects.get(pk=user.pk))
    if action == "password" and password.is_valid():
        password.user.must_change_password = False
        password.save()
        update_session_auth_hash(request, password.user)
        messages.success(request, "Your password is changed. Other devices are logged out.")
        return redirect("home" if request.POST.get("first") else "account")
    if user.must_change_password:
        return render(request, "registration/first_password.html", {"form": password}, status=400 if action else 200)
    if action == "details" and details.is_valid():
        details.save()
        messages.success(request, "Saved.")
        return redirect("account")
    if action == "token":
        accounts.renew_token(user)
        messages.success(request, "Here is your new token; the old one no longer works.")
        return redirect("account")
    if action == "revoke":
        accounts.revoke_token(user)
        messages.success(request, "Your token no longer works.")
        return redirect("account")
    context = {
        "password": password,
        "details": details,
        "token": accounts.token_of(user),
        "memberships": user.memberships.select_related("project").order_by("project__name"),
    }
    return render(request, "projects/account.html", context, status=400 if action else 200)


def _staff_only(request: HttpRequest) -> None:
    if not request.user.is_staff:
        raise PermissionDenied("This page is for staff.")


def people(request: HttpRequest) -> HttpResponse:
    _staff_only(request)
    search = request.GET.get("search", "").strip()
    found = User.objects.annotate(n_projects=Count("memberships")).order_by("-is_active", "username")
    for word in search.split():
        found = found.filter(
            Q(username__icontains=word) | Q(first_name__icontains=word) | Q(last_name__icontains=word) | Q(email__icontains=word)
        )
    page = Paginator(found, _PER_PAGE).get_page(request.GET.get("page"))
    return render(request, "projects/people.html", {"page": page, "search": search})


def person_new(request: HttpRequest) -> HttpResponse:
    _staff_only(request)
    form = PersonForm(request.user, request.POST or None)
    if form.is_valid():
        person, password = accounts.create_person(request.user, **form.cleaned_data)
        return _show_password(request, person, password, "created")
    return render(request, "projects/person_new.html", {"form": form}, status=400 if form.is_bound else 200)


def person(request: HttpRequest, user_id: int) -> HttpResponse:
    _staff_only(request)
    person = get_object_or_404(User, pk=user_id)
    action = request.POST.get("action")
    if action == "reset":
        return _show_password(request, person, accounts.reset_password(request.user, person), "reset")
    if action in {"close", "open"}:
        accounts.set_active(request.user, person, action == "open")
        messages.success(request, f"The account of {person} is {'open again' if action == 'open' else 'closed'}.")
        return redirect("person", person.pk)
    if action in {"staff", "unstaff"}:
        accounts.set_staff(request.user, person, action == "staff")
        messages.success(request, f"{person} is {'staff now' if action == 'staff' else 'no longer staff'}.")
        return redirect("person", person.pk)
    context = {
        "person": person,
        # Being staff opens no project: the names of those that one is no member of stay hidden.
        "memberships": person.memberships.filter(project__in=visible_projects(request.user))
        .select_related("project")
        .order_by("project__name"),
        "may_manage": accounts.may_manage(request.user, person),
    }
    return render(request, "projects/person.html", context)


def _show_password(request: HttpRequest, person: User, password: str, done: str) -> HttpResponse:
    """In the answer itself, never in a message, a session or a log: it is shown once."""
    context = {"person": person, "password": password, "done": done}
    response = render(request, "projects/person_password.html", context)
    response["Cache-Control"] = "no-store"
    return response

"""A list of people as a CSV: who has an account becomes a member, who has none is invited. All of it, or nothing.

Columns: user (a user name or an e-mail address), role (empty: annotator), skills (separated by semicolons or, in quotes, commas).
Nothing is written before every row is right: `read` says what would become of each, `apply` does it.
"""

import csv
import io
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage, get_connection
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Lower

from projects import invitations, project_actions
from projects.errors import WrongState
from projects.models import Membership, Project, Role, User

MAX_ROWS = 500
MAX_BYTES = 1_000_000
MAIL_SECONDS = 60.0  # no longer than a browser waits; what is left is in the list of links
DAYS = 14  # an invitation made here is open so long
_COLUMNS = {
    "user": {"user", "username", "user name", "name", "email", "e-mail", "mail", "e-mail address", "user name or e-mail"},
    "role": {"role"},
    "skills": {"skills", "skill", "tags"},
}
ADD, CHANGE, SAME, INVITE, ERROR = "add", "change", "same", "invite", "error"


class BadFile(ValueError):
    """The file as a whole cannot be read; the message says why."""


@dataclass
class Row:
    """One line of the file. `what`: add, change (role or skills of a member), same, invite, error (`text` says which)."""

    line: int
    name: str
    role: str = ""
    skills: list[str] = field(default_factory=list)
    what: str = ERROR
    text: str = ""
    user: User | None = None

    def refuse(self, text: str) -> None:
        self.what, self.text = ERROR, text


@dataclass(frozen=True, slots=True)
class Link:
    """An invitation that was made: whom it is meant for, and its token, which cannot be had again."""

    name: str
    role: str
    token: str


def decode(content: bytes) -> str:
    """Raises BadFile."""
    if len(content) > MAX_BYTES:
        raise BadFile("The file is larger than 1 MB: a list of people is not.")
    for encoding in ("utf-8-sig", "cp1252"):  # what spreadsheets write
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise BadFile("The file is no text: save it as a CSV in UTF-8.")


def read(project: Project, text: str) -> list[Row]:
    """What would become of each row, in a fixed number of queries. Raises BadFile."""
    rows = _rows(text)
    _look_up(project, rows)
    counts = Counter(str(row.user.pk) if row.user else row.name.lower() for row in rows)
    for row in rows:
        if row.what != ERROR and counts[str(row.user.pk) if row.user else row.name.lower()] > 1:
            row.refuse("This person is in the file more than once.")
    return rows


def apply(project: Project, actor: User, text: str) -> tuple[list[Row], list[Link]]:
    """The rows, and the invitations that were made. Raises BadFile, WrongState (a row is wrong: nothing was changed)."""
    with transaction.atomic():
        Project.objects.select_for_update().get(pk=project.pk)
        rows = read(project, text)
        if wrong := [row for row in rows if row.what == ERROR]:
            more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
            raise WrongState(f"Nothing was changed. Line {wrong[0].line}: {wrong[0].text}{more}")
        # Managers first, so that a file may hand the project over from one to another.
        for row in sorted(rows, key=lambda row: row.role != Role.MANAGER):
            if row.what == ADD:
                membership = project_actions.add_member(project, row.user, Role(row.role))
                if row.skills:
                    project_actions.set_skills(membership, row.skills)
            elif row.what == CHANGE:
                membership = project.memberships.select_related("user").get(user=row.user)
                if row.skills:
                    project_actions.set_skills(membership, row.skills)
                if membership.role != row.role:
                    project_actions.change_role(membership, Role(row.role))
        invited = [row for row in rows if row.what == INVITE]
        return rows, [_invite(project, actor, row) for row in invited]


def has_mail_server() -> bool:
    """Without one mails go to the log, where a link that lets people in must not stand."""
    return settings.EMAIL_BACKEND.rsplit(".", 2)[-2] not in {"console", "dummy"}


def send(project: Project, actor: User, links: list[Link], address: Callable[[str], str]) -> list[Link]:
    """Mail each link to whom it is meant for, over one connection; `address`: token to link. Returns those that were not sent."""
    until = time.monotonic() + MAIL_SECONDS
    connection = get_connection()
    left = list(links)
    try:
        connection.open()
        while left and time.monotonic() < until:
            _mail(project, actor, left[0], address(left[0].token), connection)
            left.pop(0)
    except OSError:  # smtplib's errors are OSErrors: the server is not there, or wants none of this
        pass
    finally:
        connection.close()
    return left


def _mail(project: Project, actor: User, link: Link, url: str, connection) -> None:
    name = actor.get_full_name() or actor.get_username()
    text = (
        f"{name} invites you to label in the project {project.name!r}, as {Role(link.role).label.lower()}.\n\n"
        f"Open this link to join; it is yours alone, and is good for {DAYS} days:\n{url}\n"
    )
    subject = " ".join(f"Invitation to {project.name}".split())
    EmailMessage(subject, text, settings.DEFAULT_FROM_EMAIL, [link.name], connection=connection).send()


def _invite(project: Project, actor: User, row: Row) -> Link:
    _, token = invitations.invite(project, actor, Role(row.role), days=DAYS, note=row.name)
    return Link(row.name, row.role, token)


def _rows(text: str) -> list[Row]:
    if "\0" in text:
        raise BadFile("The file is no text: save it as a CSV in UTF-8.")
    first = text.strip().splitlines()[0] if text.strip() else ""
    if not first:
        raise BadFile("The file is empty. It needs a line of titles (user, role, skills) and a line per person.")
    delimiter = max(",;\t", key=first.count)
    try:
        lines = csv.reader(io.StringIO(text.lstrip("\ufeff\r\n"), newline=""), delimiter=delimiter, strict=True)
        titles = [title.strip().lower() for title in next(lines)]
        found = [(lines.line_num, cells) for cells in lines if any(cell.strip() for cell in cells)]
    except (csv.Error, StopIteration) as error:
        raise BadFile(f"The file is no CSV: {error}.") from error
    where = {}
    for name, titled in _COLUMNS.items():
        at = [i for i, title in enumerate(titles) if title in titled]
        if len(at) > 1:
            raise BadFile(f"Two columns are for {name}: {titles[at[0]]} and {titles[at[1]]}.")
        if at:
            where[name] = at[0]
    if unknown := [title for i, title in enumerate(titles) if i not in where.values() and title]:
        raise BadFile(
            f"There is no column {unknown[0][:60]!r} for people; there are: user, role, skills. The first line is titles."
        )
    if "user" not in where:
        raise BadFile("The first line must name the columns: user (a user name or an e-mail address), role, skills.")
    if not found:
        raise BadFile("The file has titles and no people.")
    if len(found) > MAX_ROWS:
        raise BadFile(f"The file has {len(found):,} people, and at most {MAX_ROWS} are taken at once.")
    return [_row(line, cells, where) for line, cells in found]


def _row(line: int, cells: list[str], where: dict[str, int]) -> Row:
    given = {name: cells[at].strip() if at < len(cells) else "" for name, at in where.items()}
    row = Row(line, given["user"][:254], given.get("role", "").lower()[:60], what=ADD)
    skills = [skill.strip() for skill in given.get("skills", "").replace(";", ",").split(",")]
    tags: dict[str, str] = {}
    for skill in skills:
        tags.setdefault(skill.lower(), skill)
    row.skills = [skill for skill in tags.values() if skill]
    roles = {str(name).lower(): role.value for role in Role for name in (role.value, role.label)}
    if not given["user"]:
        row.refuse("There is no user name and no e-mail address.")
    elif row.role and row.role not in roles:
        row.refuse(f"There is no role {row.role!r}; there are: {', '.join(role.value for role in Role)}.")
    elif len(row.skills) > 50 or any(len(skill) > 60 for skill in row.skills):
        row.refuse("At most 50 skills per person, each of at most 60 characters.")
    row.role = roles.get(row.role, row.role)
    return row


def _look_up(project: Project, rows: list[Row]) -> None:
    by_name, by_mail = _people({row.name for row in rows})
    members = {membership.user_id: membership for membership in project.memberships.all()}
    for row in rows:
        if row.what == ERROR:
            continue
        found = by_name.get(row.name.lower()) or by_mail.get(row.name.lower(), [])
        if len(found) > 1:
            row.refuse("Several accounts have this e-mail address: give the user name.")
        elif found:
            row.user = found[0]
            _as_member(row, members.get(row.user.pk))
        elif "@" not in row.name:
            row.refuse(f"There is no account {row.name!r}. Give an e-mail address to invite somebody who has none.")
        else:
            _as_invited(row)


def _people(names: set[str]) -> tuple[dict[str, list[User]], dict[str, list[User]]]:
    """{name in lower case: accounts} by user name, and by e-mail address of those whose account is not closed."""
    lower = {name.lower() for name in names}  # SQLite's LOWER knows ASCII only: as written counts too
    known = Q(username__in=names) | Q(low__in=lower) | Q(email__in=names) | Q(mail__in=lower)
    people = User.objects.annotate(low=Lower("username"), mail=Lower("email")).filter(known)
    by_name: dict[str, list[User]] = {}
    by_mail: dict[str, list[User]] = {}
    for user in people.order_by("pk"):
        by_name.setdefault(user.username.lower(), []).append(user)
        if user.email and user.is_active:
            by_mail.setdefault(user.email.lower(), []).append(user)
    return by_name, by_mail


def _as_member(row: Row, membership: Membership | None) -> None:
    if not row.user.is_active:
        row.refuse(f"The account {row.user.username!r} is closed.")
    elif membership is None:
        row.role = row.role or Role.ANNOTATOR.value
        row.text = f"{row.user.username} becomes {Role(row.role).label.lower()}"
    else:
        was = membership.role
        row.role = row.role or was
        new_skills = bool(row.skills) and row.skills != membership.skills
        row.what = CHANGE if row.role != was or new_skills else SAME
        changes = [f"{Role(was).label.lower()} becomes {Role(row.role).label.lower()}"] if row.role != was else []
        changes += ["other skills"] if new_skills else []
        row.text = f"{row.user.username}, a member: {', '.join(changes) or 'stays as they are'}"


def _as_invited(row: Row) -> None:
    try:
        validate_email(row.name)
    except ValidationError:
        row.refuse("This is no e-mail address, and no user name.")
        return
    row.role = row.role or Role.ANNOTATOR.value
    row.what = INVITE
    row.text = f"has no account: a link to join as {Role(row.role).label.lower()}, for {DAYS} days"
    if row.skills:
        row.text += ". Skills are given when they have joined"
        row.skills = []

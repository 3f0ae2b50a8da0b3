"""Accounts: logging in, one's own page, and what staff may do to whom."""

import re

import pytest
from django.test import Client
from rest_framework.authtoken.models import Token

from projects import accounts
from projects.models import User


@pytest.fixture
def staff(db) -> User:
    return User.objects.create_user("staff", password="secret", is_staff=True)


def test_a_visitor_is_sent_to_the_login_and_then_where_they_wanted(annotator, project):
    client = Client()
    answer = client.get(f"/projects/{project.pk}/")
    assert answer.status_code == 302 and answer.url == f"/login/?next=/projects/{project.pk}/"
    answer = client.post("/login/", {"username": "annotator", "password": "secret", "next": f"/projects/{project.pk}/"})
    assert answer.url == f"/projects/{project.pk}/"


def test_a_login_never_leads_to_another_site(annotator):
    answer = Client().post("/login/", {"username": "annotator", "password": "secret", "next": "https://evil.example/"})
    assert answer.url == "/"


def test_a_page_in_the_background_is_told_to_log_in(project):
    htmx = Client().get("/", headers={"HX-Request": "true", "HX-Current-URL": "http://testserver/distilling/"})
    assert htmx.status_code == 401 and htmx["HX-Redirect"] == "/login/?next=%2Fdistilling%2F"
    fetch = Client().get("/distilling/", headers={"Sec-Fetch-Dest": "empty"})
    assert fetch.status_code == 401 and "logged out" in fetch.json()["detail"]


def test_the_wrong_password_says_so(annotator):
    page = Client().post("/login/", {"username": "annotator", "password": "guess"})
    assert page.status_code == 200 and b"do not match" in page.content and b'value="annotator"' in page.content


def test_a_person_changes_the_password_and_stays_logged_in(browse, annotator):
    client = browse(annotator)
    new = {"action": "password", "old_password": "secret", "new_password1": "copper still 9", "new_password2": "copper still 9"}
    assert client.post("/account/", new | {"old_password": "wrong"}).status_code == 400
    assert client.post("/account/", new).status_code == 302
    annotator.refresh_from_db()
    assert annotator.check_password("copper still 9")
    assert client.get("/").status_code == 200


def test_a_temporary_password_opens_one_page_only(browse, annotator, project):
    annotator.must_change_password = True
    annotator.save()
    client = browse(annotator)
    for path in ("/", f"/projects/{project.pk}/", "/distilling/"):
        answer = client.get(path)
        assert (answer.status_code, answer.url) == (302, "/account/")
    assert client.get("/api/projects/").status_code == 403
    assert b"Choose your password" in client.get("/account/").content
    client.post("/account/", {"action": "details", "first_name": "Nobody"})
    annotator.refresh_from_db()
    assert annotator.first_name == ""
    new = {"action": "password", "first": "1", "old_password": "secret"}
    answer = client.post("/account/", new | {"new_password1": "copper still 9", "new_password2": "copper still 9"})
    assert answer.url == "/"
    assert client.get("/").status_code == 200


def test_details_that_are_refused_do_not_change_the_page_head(browse, annotator):
    page = browse(annotator).post("/account/", {"action": "details", "first_name": "New", "email": "no address"})
    assert page.status_code == 400 and b"valid email" in page.content.lower()
    annotator.refresh_from_db()
    assert (annotator.first_name, annotator.email) == ("", "")


def test_a_token_is_made_renewed_and_revoked(browse, annotator):
    client = browse(annotator)
    client.post("/account/", {"action": "token"})
    first = Token.objects.get(user=annotator).key
    assert first in client.get("/account/").content.decode()
    rest = Client(headers={"Authorization": f"Token {first}"})
    assert rest.get("/api/projects/").status_code == 200
    client.post("/account/", {"action": "token"})
    assert Token.objects.get(user=annotator).key != first
    assert rest.get("/api/projects/").status_code == 401
    client.post("/account/", {"action": "revoke"})
    assert not Token.objects.exists()


def test_staff_make_an_account_whose_password_is_shown_once(browse, staff):
    client = browse(staff)
    page = client.post("/people/new/", {"username": "anna", "first_name": "Anna"})
    password = re.search(r"Password</dt><dd><code>([^<]+)</code>", page.content.decode())[1]
    assert page["Cache-Control"] == "no-store"
    anna = User.objects.get(username="anna")
    assert anna.check_password(password) and anna.must_change_password and not anna.is_staff
    assert password not in client.get(f"/people/{anna.pk}/").content.decode()


def test_a_typed_password_must_be_a_good_one(browse, staff):
    client = browse(staff)
    assert client.post("/people/new/", {"username": "anna", "password": "12345"}).status_code == 400
    assert client.post("/people/new/", {"username": "anna", "password": "copper still 9"}).status_code == 200
    assert User.objects.get(username="anna").check_password("copper still 9")


def test_a_name_is_taken_whatever_its_case(browse, staff, annotator):
    page = browse(staff).post("/people/new/", {"username": "Annotator"})
    assert page.status_code == 400 and b"This name is taken" in page.content


def test_staff_cannot_make_staff(browse, staff):
    browse(staff).post("/people/new/", {"username": "anna", "is_staff": "on"})
    assert not User.objects.get(username="anna").is_staff


def test_an_administrator_can_make_staff(browse, admin_user):
    browse(admin_user).post("/people/new/", {"username": "anna", "is_staff": "on"})
    assert User.objects.get(username="anna").is_staff


@pytest.mark.parametrize("action", ["reset", "close", "staff", "unstaff"])
def test_staff_cannot_take_over_an_administrator(browse, staff, admin_user, action):
    before = admin_user.password
    assert browse(staff).post(f"/people/{admin_user.pk}/", {"action": action}).status_code == 403
    admin_user.refresh_from_db()
    assert (admin_user.password, admin_user.is_active, admin_user.is_staff) == (before, True, True)


def test_an_administrator_cannot_close_the_own_account(browse, admin_user):
    assert browse(admin_user).post(f"/people/{admin_user.pk}/", {"action": "close"}).status_code == 403
    admin_user.refresh_from_db()
    assert admin_user.is_active


def test_a_closed_account_is_out_at_once(browse, staff, annotator):
    accounts.renew_token(annotator)
    inside = browse(annotator)
    assert inside.get("/").status_code == 200
    browse(staff).post(f"/people/{annotator.pk}/", {"action": "close"})
    assert inside.get("/").status_code == 302
    assert not Token.objects.exists()
    browse(staff).post(f"/people/{annotator.pk}/", {"action": "open"})
    assert inside.get("/").status_code == 200


def test_a_reset_ends_sessions_and_token(browse, staff, annotator):
    accounts.renew_token(annotator)
    inside = browse(annotator)
    page = browse(staff).post(f"/people/{annotator.pk}/", {"action": "reset"})
    password = re.search(r"Password</dt><dd><code>([^<]+)</code>", page.content.decode())[1]
    assert inside.get("/").status_code == 302
    annotator.refresh_from_db()
    assert annotator.check_password(password) and annotator.must_change_password and not Token.objects.exists()


def test_staff_see_only_the_projects_of_others_that_they_see_anyway(browse, staff, annotator, project, admin_user):
    assert project.name not in browse(staff).get(f"/people/{annotator.pk}/").content.decode()
    assert project.name in browse(admin_user).get(f"/people/{annotator.pk}/").content.decode()


def test_people_are_found_by_name(browse, staff, annotator, colleague):
    page = browse(staff).get("/people/?search=colle").content.decode()
    assert "colleague" in page and ">annotator<" not in page


def test_the_list_of_people_costs_the_same_for_many(browse, staff, django_assert_max_num_queries):
    User.objects.bulk_create(User(username=f"person{n}") for n in range(40))
    client = browse(staff)
    with django_assert_max_num_queries(5):
        client.get("/people/")


def test_generated_passwords_differ_and_are_long():
    made = {accounts.new_password() for _ in range(50)}
    assert len(made) == 50 and all(re.fullmatch(r"\w{4}-\w{4}-\w{4}", password) for password in made)

"""The pages of accounts and projects in a real browser: nothing breaks, nothing sticks out, the keyboard is enough."""

import os
import shutil

import pytest
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not CHROMIUM and os.environ.get("CI") != "true", reason="no Chromium is installed"),
]
_ARGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update"]


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"  # Playwright's loop runs in this thread; the ORM is not used inside it
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=_ARGS)
        yield chromium
        chromium.close()
    if before is None:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def open_page(browser, live_server):
    """`open_page(user, width)`: a page of this person (None: nobody). Errors of scripts and missing files fail the test."""
    contexts, wrong = [], []

    def opened(user, width: int = 1280):
        context = browser.new_context(base_url=live_server.url, viewport={"width": width, "height": 800})
        contexts.append(context)
        if user:
            session = SessionStore()
            session[SESSION_KEY] = str(user.pk)
            session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
            session[HASH_SESSION_KEY] = user.get_session_auth_hash()
            session.save()
            cookie = {"name": settings.SESSION_COOKIE_NAME, "value": session.session_key, "url": live_server.url}
            context.add_cookies([cookie])
        page = context.new_page()
        page.set_default_timeout(8000)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("response", lambda answer: wrong.append(answer.url) if answer.status >= 400 else None)
        page.on("request", lambda sent: None if sent.url.startswith((live_server.url, "data:")) else wrong.append(sent.url))
        return page

    yield opened
    for context in contexts:
        context.close()
    assert wrong == []


def sticks_out(page) -> int:
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


def test_pages_fit_on_a_phone_and_ask_nobody_else(open_page, admin_user, project, annotator, manager):
    page = open_page(admin_user, 390)
    here = f"/projects/{project.pk}/"
    paths = ["/", "/account/", "/people/", "/people/new/", f"/people/{annotator.pk}/", "/projects/new/", here]
    for path in [*paths, f"{here}settings/", f"{here}members/", f"{here}labels/", "/api/docs/"]:
        page.goto(path)
        page.wait_for_load_state("networkidle")
        if path != "/api/docs/":  # Swagger's own page
            assert sticks_out(page) <= 0, path
        assert page.title()


def test_a_project_is_made_with_the_keyboard(open_page, admin_user):
    from playwright.sync_api import expect

    page = open_page(admin_user)
    page.goto("/projects/new/")
    page.focus("#id_name")
    page.keyboard.type("Reviews")
    for _ in range(4):  # description, modality, task, labels
        page.keyboard.press("Tab")
    page.keyboard.type("good\nbad")
    page.focus("text=Make the project")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Reviews")
    expect(page.locator(".steps .current")).to_contain_text("Import items")


def test_guidelines_are_shown_as_they_are_typed(open_page, manager, project):
    from playwright.sync_api import expect

    page = open_page(manager)
    page.goto(f"/projects/{project.pk}/settings/")
    page.fill("#id_guidelines", "")
    page.locator("#id_guidelines").press_sequentially("**ham** is what you want")
    expect(page.locator("#preview strong")).to_have_text("ham")


def test_a_label_is_renamed_in_its_row(open_page, manager, project):
    from playwright.sync_api import expect

    page = open_page(manager)
    page.goto(f"/projects/{project.pk}/labels/")
    page.get_by_label("Name of ham").fill("bacon")
    page.get_by_label("Name of ham").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Saved bacon")
    assert project.labels.filter(name="bacon").exists()

"""Looking closely on the labelling page: images are enlarged, long texts scroll, and the buttons never leave the screen."""

import io

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from PIL import Image

from annotation.queries import ask
from projects.models import Item, Label, Project
from tests.annotation.asking import asked, items_of, running

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

# Where a point of the image (in shares of its width and height) is on the screen.
PLACE = """([x, y]) => {
    const box = document.querySelector(".lb-image").getBoundingClientRect();
    return [box.left + x * box.width, box.top + y * box.height];
}"""


@pytest.fixture
def open_page(session_of, live_server, project):
    def visit(page, user):
        session_of(page.context, user)
        page.goto(f"{live_server.url}/projects/{project.pk}/label/")
        page.wait_for_selector("#item:not([hidden])")
        return page

    return visit


@pytest.fixture
def images(project, settings, tmp_path):
    """A photograph, then two tiny ones of 8 and 28 pixels."""
    settings.MEDIA_ROOT = tmp_path
    Project.objects.filter(pk=project.pk).update(modality="image")
    items = items_of(project, 3)
    for item, size in zip(items, [(1600, 1200), (8, 8), (28, 28)], strict=True):
        file = io.BytesIO()
        Image.effect_mandelbrot(size, (-2, -1.5, 1, 1.5), 50).convert("RGB").save(file, "PNG")
        stored = default_storage.save(f"items/{item.pk}.png", ContentFile(file.getvalue()))
        Item.objects.filter(pk=item.pk).update(content=stored)
    ask(project, running(project), 1, asked(items), wanted=1)


def image_ready(page) -> dict:
    page.wait_for_function("document.querySelector('.lb-image')?.naturalWidth > 0")
    return page.evaluate(
        """() => {
            const image = document.querySelector(".lb-image");
            const {left, top, width, height} = image.getBoundingClientRect();
            return {left, top, width, height, file: image.naturalWidth, drawn: getComputedStyle(image).imageRendering};
        }"""
    )


def size(page) -> str:
    return page.inner_text("[data-zoom-level]")


def answer(page, key: str = "1") -> None:
    before = page.inner_text("#item-key")
    page.keyboard.press(key)
    page.wait_for_function("before => document.getElementById('item-key').textContent !== before", arg=before)


def test_an_image_is_enlarged_at_the_pointer_and_the_next_one_fits_again(page, images, annotator, open_page):
    open_page(page, annotator)
    fitting = image_ready(page)
    assert fitting["width"] < 1600 and size(page) == "Fits"
    point = page.evaluate(PLACE, [0.25, 0.75])
    page.mouse.move(*point)
    page.mouse.wheel(0, -300)
    page.wait_for_function("document.querySelector('[data-zoom-level]').textContent !== 'Fits'")
    assert image_ready(page)["width"] > 1.5 * fitting["width"]
    assert page.evaluate(PLACE, [0.25, 0.75]) == pytest.approx(point, abs=1.5)  # the wheel knows whole pixels only
    page.mouse.down()
    page.mouse.move(point[0] + 60, point[1] - 40)
    page.mouse.up()
    assert page.evaluate(PLACE, [0.25, 0.75]) == pytest.approx([point[0] + 60, point[1] - 40], abs=1.5)
    page.mouse.dblclick(*point)
    assert image_ready(page) == fitting
    page.mouse.dblclick(*point)
    assert (round(image_ready(page)["width"], 2), size(page)) == (1600, "100 %")
    answer(page)
    assert size(page) == "Fits"
    tiny = image_ready(page)
    assert (tiny["drawn"], tiny["width"] % 8) == ("pixelated", 0)
    assert tiny["width"] >= 200
    answer(page)
    small = image_ready(page)
    assert small["width"] >= 196 and small["width"] % 28 == 0


def test_keys_and_named_buttons_do_what_the_wheel_does(page, images, annotator, open_page):
    open_page(page, annotator)
    fitting = image_ready(page)
    page.keyboard.press(">")
    page.keyboard.press(">")
    near = image_ready(page)
    assert near["width"] == pytest.approx(2.25 * fitting["width"], abs=1)
    page.keyboard.press("ArrowRight")
    assert image_ready(page)["left"] < near["left"]
    page.keyboard.press("<")
    assert image_ready(page)["width"] == pytest.approx(1.5 * fitting["width"], abs=1)
    page.keyboard.press("=")
    assert image_ready(page) == fitting
    page.get_by_role("button", name="Zoom in").click()
    assert image_ready(page)["width"] > fitting["width"]
    page.get_by_role("button", name="Whole image").click()
    assert image_ready(page) == fitting
    for _ in range(20):
        page.keyboard.press(">")
    page.keyboard.press("1")  # deep inside, the answer is still one key
    page.wait_for_function("document.querySelector('[data-zoom-level]').textContent === 'Fits'")


def test_two_fingers_enlarge_an_image_on_a_phone(browser, images, annotator, open_page):
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = open_page(context.new_page(), annotator)
    fitting = image_ready(page)
    touch = context.new_cdp_session(page)
    x, y = page.evaluate(PLACE, [0.5, 0.5])

    def fingers(kind: str, apart: float) -> None:
        points = [{"x": x - apart, "y": y, "id": 0}, {"x": x + apart, "y": y, "id": 1}] if apart else []
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    fingers("touchStart", 20)
    for apart in (30, 40, 50, 60):
        fingers("touchMove", apart)
    fingers("touchEnd", 0)
    near = image_ready(page)
    assert near["width"] == pytest.approx(3 * fitting["width"], rel=0.1)
    assert page.evaluate("visualViewport.scale") == 1  # the page itself stays as it is
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    low = page.eval_on_selector_all("[data-zoom]", "all => all.filter(b => b.getBoundingClientRect().height < 44).length")
    context.close()
    assert low == 0


@pytest.mark.parametrize("width", [1440, 390])
def test_a_long_text_scrolls_by_keys_and_the_buttons_stay_on_the_screen(page, project, annotator, open_page, width):
    items = items_of(project, 2, content="A long letter to the editor.\n\n" * 200)
    ask(project, running(project), 1, asked(items), wanted=1)
    page.set_viewport_size({"width": width, "height": 844})
    open_page(page, annotator)

    def top() -> float:
        return page.evaluate("document.getElementById('item-content').scrollTop")

    for name in ("ham", "spam", "Undo", "Skip"):
        box = page.get_by_role("button", name=name).bounding_box()
        assert box["y"] > 0 and box["y"] + box["height"] <= 844, name
    assert page.evaluate("scrollY") == 0
    seen = [top()]
    for key in ("PageDown", "Space", "ArrowDown"):
        page.keyboard.press(key)
        seen.append(top())
    assert seen[0] == 0 and seen == sorted(set(seen))
    page.keyboard.press("Shift+Space")
    page.keyboard.press("PageUp")
    assert top() < seen[1]
    page.keyboard.press("End")
    assert top() > 1000
    answer(page)
    assert top() == 0  # the next one is read from its beginning


def test_a_phone_has_item_labels_and_tools_on_the_screen_upright_and_on_its_side(browser, project, annotator, open_page):
    ask(project, running(project), 1, asked(items_of(project, 1, content="A long letter to the editor.\n\n" * 99)), wanted=1)
    context = browser.new_context(has_touch=True, is_mobile=True, viewport={"width": 390, "height": 844})
    page = context.new_page()
    for n_labels in (6, 20, 77):
        have = project.labels.count()
        more = (Label(project=project, name=f"topic {i:02}", color="#336699", position=i + 9) for i in range(have, n_labels))
        Label.objects.bulk_create(more)
        page.set_viewport_size({"width": 390, "height": 844})
        open_page(page, annotator)
        for width, height in [(390, 844), (844, 390)]:
            page.set_viewport_size({"width": width, "height": height})
            assert page.evaluate("document.documentElement.scrollWidth") == width
            places = {id: page.locator(f"#{id}").bounding_box() for id in ("item-content", "undo", "skip", "comment-open")}
            last = page.locator("#labels button").last
            if n_labels > 20 or width > 390:
                last.scroll_into_view_if_needed()
            places["last"] = last.bounding_box()
            for name, box in places.items():
                assert box["y"] >= 0 and box["y"] + box["height"] <= height, (n_labels, width, name)
                assert box["height"] >= 44, (n_labels, width, name)
            assert places["last"]["y"] + places["last"]["height"] <= places["undo"]["y"] + 1, (n_labels, width)
    context.close()


def test_focus_goes_into_a_dialog_and_back_to_where_it_was(page, project, annotator, open_page):
    ask(project, running(project), 1, asked(items_of(project, 2)), wanted=1)
    open_page(page, annotator)
    focused = "document.activeElement.id || document.activeElement.textContent.trim()"
    page.focus("#flag")
    page.keyboard.press("?")
    assert page.evaluate(focused) == "Close"
    page.keyboard.press("Enter")
    assert page.evaluate(focused) == "flag"
    page.focus("#skip")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.closest('dialog').id") == "skip-dialog"
    page.keyboard.press("Escape")
    assert page.evaluate(focused) == "skip"

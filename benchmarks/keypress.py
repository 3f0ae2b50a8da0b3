"""From the press of a label's key to the next item painted, in a real Chromium against the real server; and answers given
while the network is away, and while the web server is killed (SIGKILL, three times) and started again.

    python benchmarks/keypress.py [--items 100] [--offline 30] [--kills 3]
"""

import argparse
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, TimeoutError, sync_playwright
from server import Server

_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]

_ALL_SAVED = "document.getElementById('saved-text').textContent === 'All saved'"
# The event's own time stamp is when the browser got the key. A task queued in the frame's callback runs after that frame's paint.
_WATCH = """() => {
    window.pressed = 0; window.took = [];
    document.addEventListener("keydown", (event) => { window.pressed = event.timeStamp; }, true);
    new MutationObserver(() => requestAnimationFrame(() => {
        const channel = new MessageChannel();
        channel.port1.onmessage = () => window.took.push(performance.now() - window.pressed);
        channel.port2.postMessage(0);
    })).observe(document.getElementById("item-key"), {childList: true, characterData: true, subtree: true});
}"""


def answer(page: Page, n: int, think: float) -> int:
    """Press n keys, each when its item is painted; how many items were shown (fewer when the page ran out of items)."""
    for i in range(n):
        shown = page.evaluate("window.took.length")
        page.keyboard.press("12"[i % 2])
        try:
            page.wait_for_function("n => window.took.length > n", arg=shown, timeout=3000)
        except TimeoutError:
            return i + 1  # the last item at hand was answered, and no next one can come
        time.sleep(think)
    return n


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=100)
    parser.add_argument("--offline", type=float, default=30.0, help="Seconds without a network.")
    parser.add_argument("--kills", type=int, default=3, help="How often the web server is killed.")
    parser.add_argument("--think", type=float, default=0.15, help="Seconds between painting and the next key.")
    parser.add_argument("--port", type=int, default=8822)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder), arguments.port, workers=1)
        try:
            measure(server, arguments)
        finally:
            server.stop()


def measure(server: Server, arguments: argparse.Namespace) -> None:
    project = server.call("projects/", {"name": "Keys", "modality": "text", "labels": ["ham", "spam"]})["id"]
    rows = "\n".join(
        f"message {i} with some words about nothing much" for i in range(arguments.items + 60 + 40 * arguments.kills)
    )
    server.upload(project, "rows.csv", f"text\n{rows}\n".encode(), {"text_column": "text"})
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=_FLAGS)
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        page = context.new_page()
        page.goto(f"{server.base}/login/")
        page.fill("[name=username]", "admin")
        page.fill("[name=password]", "benchmark")
        page.press("[name=password]", "Enter")
        page.wait_for_url(lambda url: "/login/" not in url)
        page.goto(f"{server.base}/projects/{project}/label/")
        page.wait_for_selector("#item:not([hidden])")
        page.evaluate(_WATCH)
        pressed = answer(page, arguments.items, arguments.think)
        took = np.array(page.evaluate("window.took"))
        p50, p95, p99 = np.percentile(took, [50, 95, 99])
        print(f"{len(took)} items, key to paint: p50 {p50:.0f} ms, p95 {p95:.0f} ms, p99 {p99:.0f} ms, max {took.max():.0f} ms")
        if arguments.offline:
            context.set_offline(True)
            kept = answer(page, 20, arguments.think)  # until the items at hand are used up
            time.sleep(arguments.offline)
            context.set_offline(False)
            pressed += kept
            print(f"{kept} answers given in {arguments.offline:.0f} s without a network")
        for number in range(arguments.kills):
            page.wait_for_selector("#item:not([hidden])", timeout=120_000)
            before = answer(page, 5, 0.02)  # some of them are on their way when it happens
            n = server.kill("web")
            after = answer(page, 20, arguments.think)
            pressed += before + after
            print(f"kill {number + 1}: {n} processes of the web server; {before} answers just before it and {after} after it")
            page.wait_for_function(_ALL_SAVED, timeout=120_000)
        page.wait_for_function(_ALL_SAVED, timeout=120_000)
        sql = "SELECT COUNT(*), COUNT(DISTINCT item_id) FROM annotation_annotation WHERE project_id = ?"
        stored, items = server.database.execute(sql, (project,)).fetchone()
        print(f"{pressed} answers given, {stored} stored, {pressed - stored} lost, {stored - items} doubled")
        browser.close()


if __name__ == "__main__":
    main()

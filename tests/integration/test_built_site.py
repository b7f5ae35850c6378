"""`make docs`, looked at in a real browser."""

import os
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.browser import chromium, visit

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        pass


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """The address of the built documentation."""
    subprocess.run(["make", "docs", f"SITE={tmp_path}"], cwd=ROOT, check=True, env=os.environ, timeout=300)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path)))
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    serving.join()
    server.server_close()


def test_the_site_asks_no_other_host_and_shows_its_pictures(site: str) -> None:
    with chromium() as browser, visit(browser, site) as at:
        at.open("architecture.html")
        assert at.page.get_by_role("heading", name="Architecture").is_visible()
        assert at.page.evaluate("[...document.images].map(image => image.naturalWidth > 0)") == [True]
        at.page.get_by_role("link", name="Troubleshooting").first.click()
        at.page.wait_for_url("**/troubleshooting.html")
        at.page.get_by_placeholder("Search").fill("watermark")
        at.page.get_by_role("link", name="Kafka in a page").first.wait_for()

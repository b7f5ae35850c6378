"""The documentation: made from the code where it can be, and no link that leads nowhere."""

import re
import shlex
from pathlib import Path
from urllib.parse import unquote

import pytest

import writer.sinks.registry
from tests import reference

ROOT = Path(__file__).parents[2]
OF_THE_SITE = tuple(sorted((ROOT / "docs").glob("*.md")))
PAGES = (*sorted(ROOT.glob("*.md")), *OF_THE_SITE)
COMMAND = re.compile(r"^ {4,}heapster-stream ((?:.*\\\n)*.*)$", re.MULTILINE)
FILE = re.compile(r"`((?:tests|docs|schemas|runtime|api|processor|writer)/[\w/]*(?:/|\.\w+))`")
LINK = re.compile(r"\]\(([^)\s]+)\)")

HEAPSTERS = """
inClusterConfig kubeletPort kubeletHttps apiVersion insecure auth useServiceAccount host_id_annotation
user pw db secure insecuressl withfields retention cluster_name disable_counter_metrics concurrency
elasticsearch gcm stackdriver statsd graphite hawkular influxdb kafka librato log metric
opentsdb wavefront riemann honeycomb
--source --sink --metric-resolution --heapster-port --listen-ip --max-procs --tls-cert --tls-key --tls-client-ca
--allowed-users --historical-source --label-separator --store-label --ignore-label --disable-export
--sink-export-data-timeout --disable-metric-sink --api-server --secure-port --version --max-parallelism
"""


def links(page: Path) -> list[str]:
    """Those to files; mkdocs looks at anchors."""
    return [link for link in LINK.findall(page.read_text()) if not re.match(r"https?://|#", link)]


def test_the_reference_is_that_of_the_code() -> None:
    assert reference.DOCUMENT.read_text() == reference.document(), "python -m tests.reference writes it anew"


def test_it_has_every_sink() -> None:
    assert list(reference.SINKS) == list(writer.sinks.registry._SINKS)


def test_options_of_source_and_sinks_are_explained() -> None:
    explained = (ROOT / "docs" / "configuration.md").read_text()
    known = set(reference.source_options()).union(*map(reference.sink_options, reference.SINKS))
    assert len(known) > 25
    assert [name for name in sorted(known) if f"`{name}`" not in explained] == []


def test_who_comes_from_heapster_finds_every_flag_option_and_sink() -> None:
    text = (ROOT / "docs" / "heapster.md").read_text()
    assert [name for name in HEAPSTERS.split() if not re.search(rf"(?<![\w-]){name}(?![\w-])", text)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files_that_there_are(page: Path) -> None:
    for link in links(page):
        assert (page.parent / unquote(link.partition("#")[0])).exists(), link


def test_who_contributes_is_sent_to_files_that_there_are() -> None:
    named = FILE.findall((ROOT / "CONTRIBUTING.md").read_text())
    assert len(named) > 20
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_links_are_found() -> None:
    assert "docs/configuration.md" in links(ROOT / "README.md")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_can_be_typed(page: Path) -> None:
    commands = dict(reference.commands())
    for text in COMMAND.findall(page.read_text()):
        words = shlex.split(text.replace("\\\n", " "), comments=True)
        named = 2 if words[0] == "dead-letters" else 1
        commands[" ".join(words[:named])].make_context(words[0], words[named:])


def test_commands_are_found() -> None:
    pages = (ROOT / "docs").glob("troubleshooting*.md")
    assert sum(len(COMMAND.findall(page.read_text())) for page in pages) > 5


def test_every_page_is_in_the_site() -> None:
    contents = (ROOT / "mkdocs.yml").read_text()
    assert [page.name for page in OF_THE_SITE if f": {page.name}\n" not in contents] == []

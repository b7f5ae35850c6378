"""The web page in a real browser: on a simulated cluster through the whole pipeline, and on stores of every state."""

import json
import re
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Literal

import pytest
import uvicorn
from confluent_kafka import Producer
from playwright.sync_api import Browser, expect

from api.app import Choices, application
from api.http.access import ByToken
from api.ingest.freshness import Progress
from api.status import Served
from api.store.packed_batch import pack
from api.store.store import Store
from runtime.kafka import KafkaSettings
from runtime.topics import ensure_topics
from schemas.metric_batch import MetricBatch, encode_batch
from schemas.topics import topics
from simulator.cluster import ClusterSize
from simulator.server import SimulatedCluster
from tests.browser import PHONE, Visit, chromium, visit
from tests.integration.recordings import batches_of, recorded
from tests.stored import S, batch, cluster, namespace, node, pod
from tests.waiting import DEADLINE_S, wait_until
from tools.stack.kafka import Kafka
from tools.stack.ports import own_ports
from tools.stack.process import Process

RESOLUTION_S: Final = 10
expect.set_options(timeout=DEADLINE_S * 1000)

READY: Final = Progress(started=True, partitions=12)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


def asked(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return json.loads(answer.read())


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError):
        return False


def latest(url: str, path: str) -> int | None:
    """The newest value of the model API."""
    points = asked(f"{url}/api/v1/model/{path}")["metrics"]
    return points[-1]["value"] if points else None


def exact(title: str | None) -> int:
    """The number that a tooltip begins with."""
    assert title is not None
    return int(title.split()[0].replace(",", ""))


@pytest.fixture
def pipeline(kafka: Kafka, topic_suffix: str, service: Callable[..., Process]) -> Iterator[str]:
    """The api's address, on a simulated cluster whose rates have arrived."""
    (port,) = own_ports(1)
    url = f"http://127.0.0.1:{port}"
    common = (f"--kafka-brokers={kafka.bootstrap}", f"--topic-prefix={topic_suffix.strip('-')}-")
    with SimulatedCluster.generated(ClusterSize(nodes=3, pods_per_node=5)) as simulated:
        kubernetes = f"kubernetes:{simulated.api_url}?inClusterConfig=false&nodeStatusPort=true"
        service("processor", *common)
        service("scraper", *common, f"--source={kubernetes}", f"--metric-resolution={RESOLUTION_S}s")
        service("api", *common, f"--heapster-port={port}")
        wait_until(lambda: answers(f"{url}/readyz"), "the api is ready")
        wait_until(lambda: latest(url, "metrics/cpu/usage_rate") is not None, "rates of the cluster")
        wait_until(lambda: asked(f"{url}/page/overview")["nodes"] == 3, "all nodes")
        yield url


def test_from_the_scraper_to_the_page(pipeline: str, browser: Browser) -> None:
    with visit(browser, pipeline) as tab:
        tab.open()
        expect(tab.page.locator(".live")).to_have_attribute("data-state", "live")
        the_cluster_has_the_numbers_of_the_api(tab)
        from_a_node_down_to_a_container(tab)
        from_a_namespace_to_a_pod(tab)
        found_with_the_keyboard(tab)


def the_cluster_has_the_numbers_of_the_api(tab: Visit) -> None:
    big = tab.page.locator(".cards .big")
    for number, metric in enumerate(("cpu/usage_rate", "memory/usage")):
        wait_until(
            lambda number=number, metric=metric: (
                exact(big.nth(number).get_attribute("title")) == latest(tab.url, f"metrics/{metric}")
            ),
            f"{metric} of the cluster, as the API has it",
        )


def from_a_node_down_to_a_container(tab: Visit) -> None:
    page = tab.page
    page.get_by_role("navigation", name="Views").get_by_role("link", name="Nodes").click()
    names = asked(f"{tab.url}/api/v1/model/nodes/")
    expect(page.locator("tbody th")).to_have_text(names)
    page.get_by_role("button", name="Node", exact=True).click()
    expect(page.locator("tbody th")).to_have_text(names[::-1])

    page.get_by_role("link", name=names[0]).click()
    expect(page.locator("h1")).to_contain_text(names[0])
    reserved = page.locator(".tile", has_text="CPU reserved").locator("div [title]").first
    wait_until(
        lambda: exact(reserved.get_attribute("title")) == latest(tab.url, f"nodes/{names[0]}/metrics/cpu/request"),
        "requests of the node, as the API has them",
    )
    expect(page.locator(".chart path.line.first").first).to_have_attribute("d", re.compile("^M.+L"))

    page.locator("section.table", has_text="Pods").locator("tbody th a").first.click()
    expect(page.locator("h1 .kind")).to_have_text("Pod")
    page.locator("section.table", has_text="Containers").locator("tbody th a").first.click()
    expect(page.locator("h1 .kind")).to_have_text("Container")
    key = page.url.partition("#/")[2]
    page.get_by_text("All metrics of the newest window").click()
    usage = page.locator(".values tr").filter(has=page.get_by_role("rowheader", name="memory/usage", exact=True))
    wait_until(
        lambda: exact(usage.locator("td").last.text_content()) == latest(tab.url, f"{key}/metrics/memory/usage"),
        "memory of the container, as the API has it",
    )


def from_a_namespace_to_a_pod(tab: Visit) -> None:
    page = tab.page
    tab.open("#/namespaces?sort=name&order=asc")
    expect(page.locator("tbody th")).to_have_text(asked(f"{tab.url}/api/v1/model/namespaces/"))
    page.get_by_role("link", name="kube-system").click()
    expect(page.locator("h1 .kind")).to_have_text("Namespace")
    page.get_by_role("button", name="Pod", exact=True).click()
    pods = page.locator("tbody[role] th")
    wait_until(
        lambda: pods.all_inner_texts() == asked(f"{tab.url}/api/v1/model/namespaces/kube-system/pods/"),
        "pods of the namespace, as the API has them",
    )
    name = pods.first.inner_text()
    pods.first.get_by_role("link").click()
    expect(page.locator("h1")).to_contain_text(name)


def found_with_the_keyboard(tab: Visit) -> None:
    tab.page.keyboard.press("/")
    tab.page.keyboard.type("node-00")
    expect(tab.page.get_by_role("option").first).to_have_attribute("aria-selected", "true")
    tab.page.keyboard.press("ArrowDown")
    expect(tab.page.get_by_role("option").nth(1)).to_have_attribute("aria-selected", "true")
    tab.page.keyboard.press("Enter")
    expect(tab.page.locator("h1")).to_contain_text("node-001")
    assert tab.page.url.endswith("#/nodes/node-001")


@contextmanager
def serving(store: Store, served: Served, choices: Choices | None = None, port: int = 0) -> Iterator[str]:
    """The address of a service over that store."""
    listener = socket.create_server(("127.0.0.1", port))
    app = application(store, served, time.time_ns, choices or Choices())
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=1))
    thread = threading.Thread(target=lambda: server.run(sockets=[listener]))
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


def fill(store: Store, *batches: MetricBatch, ago_s: int = 5) -> None:
    """What came of a window that ended so long ago."""
    end_ns = (time.time_ns() // S - ago_s) * S
    for each in batches:
        assert store.put(pack(replace(each, window_end_ns=end_ns)), time.time_ns())


@pytest.fixture(scope="module")
def small() -> Iterator[str]:
    """The address of a service that has some windows of a small cluster."""
    store = Store()
    for each in batches_of(recorded(5, nodes=2, pods=4)):
        store.put(pack(each), time.time_ns())
    with serving(store, Served(READY)) as url:
        yield url


def test_nothing_yet_then_live_then_behind_then_away_and_back(browser: Browser) -> None:
    store, served, (port,) = Store(), Served(Progress()), own_ports(1)
    with visit(browser, f"http://127.0.0.1:{port}", expected="ERR_CONNECTION_REFUSED") as tab:
        banner, light, main = (tab.page.locator(selector) for selector in ("#banner", "#live", "main"))
        with serving(store, served, port=port):
            tab.open()
            expect(banner).to_contain_text("No data yet")
            expect(banner).to_contain_text("no window has arrived yet")
            expect(main).to_contain_text("No metrics yet")

            served.progress = READY
            fill(store, batch(node("n1", cpu_node_allocatable=4000.0)), batch(cluster(cpu_usage_rate=1500)))
            expect(main.locator(".big").first).to_contain_text("1.5 cores of 4 cores allocatable")
            expect(banner).to_be_empty()
            expect(light).to_have_attribute("data-state", "live")

            served.progress = replace(READY, error="the broker is not there")
            expect(banner).to_contain_text("The data may be out of date")
            expect(banner).to_contain_text("Kafka: the broker is not there")
            expect(main).to_have_class("stale")
            expect(light).to_have_attribute("data-state", "behind")
            served.progress = READY
        expect(banner).to_contain_text("The service does not answer since")
        expect(main).to_have_class("stale")
        expect(light).to_have_attribute("data-state", "lost")
        with serving(store, served, port=port):
            expect(banner).to_be_empty()
            expect(main).not_to_have_class("stale")


def test_what_is_too_old_is_shown_as_silent(browser: Browser) -> None:
    store = Store()
    fill(store, batch(node("n1", cpu_usage_rate=700, cpu_node_utilization=0.7)), ago_s=400)
    with serving(store, Served(READY)) as url, visit(browser, url) as tab:
        tab.open("#/nodes")
        row = tab.page.get_by_role("row").filter(has_text="n1")
        expect(row).to_contain_text("6 min ago")
        expect(row.locator("time")).to_have_class("late")
        assert "70%" not in row.inner_text()
        tab.open("#/nodes/n1")
        expect(tab.page.locator(".since")).to_contain_text("Not in the newest window. Last seen 6 min ago")
        tab.open("#/nodes/n2")
        expect(tab.page.locator("main")).to_contain_text("Not seen in the last 15 minutes")


def test_names_are_text_whatever_is_in_them(browser: Browser) -> None:
    store, evil = Store(), """<img src=x onerror="document.title='evil'">&amp;%2F?#'"""
    fill(store, batch(node("n1"), pod("n1", evil, evil, cpu_usage_rate=5)), batch(namespace(evil, cpu_usage_rate=5)))
    with serving(store, Served(READY)) as url, visit(browser, url) as tab:
        tab.open("#/pods")
        tab.page.locator("tbody th a").click()
        expect(tab.page.locator("h1")).to_contain_text(evil)
        expect(tab.page.locator(".tile").first).to_contain_text("5m")
        tab.page.reload()
        expect(tab.page.locator(".tile").first).to_contain_text("5m")
        tab.page.get_by_role("combobox").fill("onerror")
        expect(tab.page.get_by_role("option")).to_have_count(2)
        assert tab.page.locator("main img, #hits img").count() == 0
        assert tab.page.title() == f"{evil} · heapster-stream"


def test_the_token_is_asked_for_once(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("right")
    store = Store()
    fill(store, batch(node("n1")), batch(cluster(cpu_usage_rate=1500)))
    choices = Choices(access=ByToken(tmp_path / "token"))
    with serving(store, Served(READY), choices) as url, visit(browser, url, expected="401") as tab:
        tab.open()
        dialog = tab.page.get_by_role("dialog")
        for token, then in (("wrong", "The token was refused"), ("right", None)):
            dialog.get_by_label("Bearer token").fill(token)
            dialog.get_by_role("button").click()
            if then is not None:
                expect(dialog).to_contain_text(then)
        expect(tab.page.locator(".big").first).to_contain_text("1.5 cores")
        tab.page.reload()
        expect(tab.page.locator(".big").first).to_contain_text("1.5 cores")
        assert not dialog.is_visible()
        assert tab.page.evaluate("JSON.stringify(localStorage) + document.cookie + location.href").count("right") == 0


def test_a_thousand_nodes_a_page_at_a_time(browser: Browser) -> None:
    store = Store()
    fill(store, *(batch(node(f"n{number:04}", cpu_node_utilization=number / 1000)) for number in range(1000)))
    with serving(store, Served(READY)) as url, visit(browser, url) as tab:
        tab.open("#/nodes")
        page, names = tab.page, tab.page.locator("tbody th")
        expect(names).to_have_count(50)
        page.get_by_role("button", name="CPU used").click()
        expect(names.first).to_have_text("n0999")
        page.get_by_role("button", name="Next").click()
        expect(names.first).to_have_text("n0949")
        expect(page.locator(".pager")).to_contain_text("51\N{EN DASH}100 of 1,000")
        page.reload()  # the address holds all of it
        expect(names.first).to_have_text("n0949")
        expect(page.locator("th[aria-sort]")).to_have_attribute("aria-sort", "descending")
        page.go_back()
        expect(names.first).to_have_text("n0999")
        page.get_by_label("Filter Nodes by name").fill("012")
        expect(names).to_have_text(
            ["n0129", "n0128", "n0127", "n0126", "n0125", "n0124", "n0123", "n0122", "n0121", "n0120", "n0012"]
        )
        tab.open("#/")
        expect(page.locator(".map a")).to_have_count(1000)
        page.locator(".map a").first.focus()
        page.keyboard.press("End")
        page.keyboard.press("Enter")
        expect(page.locator("h1")).to_contain_text("n0999")


def test_what_has_not_changed_is_not_sent_again(browser: Browser) -> None:
    store = Store()
    fill(store, batch(node("n1", cpu_node_utilization=0.5)))
    with serving(store, Served(READY)) as url, visit(browser, url) as tab:
        tab.open("#/nodes")
        expect(tab.page.locator("tbody th")).to_have_text("n1")
        with tab.page.expect_response(lambda answer: "/page/nodes" in answer.url) as again:
            pass
        assert again.value.status == 304
        fill(store, batch(node("n2", cpu_node_utilization=0.5)))
        expect(tab.page.locator("tbody th")).to_have_text(["n1", "n2"])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_theme_is_the_systems_until_one_is_chosen(
    small: str, browser: Browser, scheme: Literal["light", "dark"]
) -> None:
    ground = "getComputedStyle(document.body.parentElement).backgroundColor"
    colours = {"light": "rgb(245, 246, 248)", "dark": "rgb(15, 18, 22)"}
    with visit(browser, small, scheme=scheme) as tab:
        tab.open()
        assert tab.page.evaluate(ground) == colours[scheme]
        for chosen in ("light", "dark"):
            tab.page.locator("#theme").click()
            expect(tab.page.locator("#theme")).to_have_accessible_name(f"Theme: {chosen}")
            assert tab.page.evaluate(ground) == colours[chosen]
        tab.page.reload()
        assert tab.page.evaluate(ground) == colours["dark"]


def test_charts_are_read_with_the_keyboard(small: str, browser: Browser) -> None:
    with visit(browser, small) as tab:
        tab.open("#/nodes/node-000")
        plot = tab.page.get_by_role("slider", name="Memory: value at a time")
        plot.focus()
        tab.page.keyboard.press("End")
        newest = plot.get_attribute("aria-valuetext")
        tab.page.keyboard.press("ArrowLeft")
        earlier = plot.get_attribute("aria-valuetext")
        assert newest is not None
        assert earlier is not None
        assert earlier < newest  # they begin with the time
        assert "usage" in earlier
        expect(tab.page.locator(".tip:visible")).to_contain_text("bytes")
        legend = tab.page.get_by_role("group", name="Memory: lines").get_by_role("button", name="usage")
        legend.click()
        expect(legend).to_have_attribute("aria-pressed", "false")


def test_every_view_fits_a_phone(small: str, browser: Browser) -> None:
    with visit(browser, small, size=PHONE) as tab:
        (first, *_) = asked(f"{small}/page/pods?namespace=shop")["rows"]
        address = f"namespaces/shop/pods/{first['name']}"
        for view in ("", "nodes", "namespaces", "pods", "nodes/node-000", "namespaces/shop", address):
            tab.open(f"#/{view}")
            expect(tab.page.locator("main tbody [role=rowheader]").first).to_be_visible()
            assert tab.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_it_works_below_another_path_as_behind_kubectl_proxy(small: str, browser: Browser) -> None:
    with visit(browser, small) as tab:
        tab.page.route(
            f"{small}/services/api:/proxy/**",
            lambda route: route.fulfill(
                response=route.fetch(url=route.request.url.replace("/services/api:/proxy", ""))
            ),
        )
        tab.open("services/api:/proxy/#/nodes")
        expect(tab.page.locator("tbody th")).to_have_text(["node-000", "node-001"])
        assert [url for url in tab.asked if "/proxy/" not in url] == []


def test_numbers_as_people_read_them(small: str, browser: Browser) -> None:
    cases = {
        "cpu": [
            (None, "—"),
            (0, "0m"),
            (250, "250m"),
            (1000, "1 core"),
            (1250, "1.25 cores"),
            (1203400, "1,203 cores"),
        ],
        "bytes": [(0, "0 B"), (1023, "1,023 B"), (1024, "1 KiB"), (1048575, "1 MiB"), (1610612736, "1.5 GiB")],
        "rate": [(1536.5, "1.5 KiB/s")],
        "percent": [(0, "0%"), (0.004, "0.4%"), (0.096, "9.6%"), (0.5, "50%"), (1.274, "127%")],
        "duration": [(0.4, "0 s"), (119, "119 s"), (400, "6 min"), (7260, "2 h 1 min"), (180000, "2 d 2 h")],
    }
    with visit(browser, small) as tab:
        tab.open()
        for function, values in cases.items():
            call = "([name, values]) => import('/web/format.js').then((format) => values.map(format[name]))"
            found = tab.page.evaluate(call, [function, [value for value, _ in values]])
            assert found == [text for _, text in values]
        exactly = tab.page.evaluate("import('/web/format.js').then(({ exact }) => exact(1234.0708405172413, 'ratio'))")
        assert exactly == "1,234.0708405172413 ratio"


def test_axes_have_round_ticks(small: str, browser: Browser) -> None:
    mib, gib = 1024**2, 1024**3
    cases = [
        ((0, False), 1), ((7, False), 2), ((100, False), 25), ((1704, False), 500), ((4001, False), 2000),
        ((0, True), 1024), ((100 * mib, True), 32 * mib), ((90 * mib, True), 24 * mib), ((1500 * gib, True), 512 * gib),
    ]  # fmt: skip
    with visit(browser, small) as tab:
        tab.open()
        call = "(cases) => import('/web/scale.js').then(({ stepFor }) => cases.map((each) => stepFor(...each)))"
        assert tab.page.evaluate(call, [list(asked_for) for asked_for, _ in cases]) == [step for _, step in cases]


def test_a_partition_that_is_behind_is_told_until_it_has_been_read(
    kafka: Kafka, topic_suffix: str, service: Callable[..., Process], browser: Browser
) -> None:
    """Records of a transaction that nobody ends: they are there, and no consumer gets past them."""
    (port,), prefix = own_ports(1), f"{topic_suffix.strip('-')}-"
    url, topic = f"http://127.0.0.1:{port}", topics(prefix).derived_metrics.name
    ensure_topics(KafkaSettings(kafka.bootstrap, prefix=prefix), [topics(prefix).derived_metrics])
    sent = Producer({"bootstrap.servers": kafka.bootstrap})
    stuck = Producer({"bootstrap.servers": kafka.bootstrap, "transactional.id": prefix})
    produce(sent, topic, batch(node("n1", memory_usage=1)), partition=0)
    stuck.init_transactions()
    stuck.begin_transaction()
    produce(stuck, topic, batch(node("n2", memory_usage=1)), partition=1)
    service("api", f"--kafka-brokers={kafka.bootstrap}", f"--topic-prefix={prefix}", f"--heapster-port={port}")

    told = "catching up: 1 records behind, in partitions 1"
    wait_until(lambda: told in not_ready(url), "partition 1 is said to be behind")
    assert not_ready(url) == [told]
    assert asked(f"{url}/api/v1/status")["partitions_behind"] == [1]
    assert asked(f"{url}/api/v1/model/nodes") == ["n1"]
    with visit(browser, url) as tab:
        tab.open()
        banner = tab.page.locator("#banner")
        expect(banner).to_contain_text(told)
        stuck.commit_transaction()
        produce(sent, topic, batch(node("n3", memory_usage=1)), partition=1)  # past the mark that ends a transaction
        wait_until(lambda: not_ready(url) == [], "everything has been read")
        expect(banner).to_be_empty()
    assert asked(f"{url}/api/v1/model/nodes") == ["n1", "n2", "n3"]
    for each in (sent, stuck):
        each.close()


def produce(producer: Producer, topic: str, made: MetricBatch, *, partition: int) -> None:
    """With a window that ends now."""
    value = encode_batch(replace(made, window_end_ns=time.time_ns() // S * S))
    producer.produce(topic, key=made.key, value=value, partition=partition)
    producer.flush()


def not_ready(url: str) -> list[str]:
    """What /readyz says against it; nothing if it is ready."""
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=30):
            return []
    except urllib.error.HTTPError as error:
        return error.read().decode().splitlines()
    except (urllib.error.URLError, ConnectionError) as error:
        return [str(error)]

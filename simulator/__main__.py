"""`heapster-stream simulate`: a Kubernetes cluster to try everything on, for those who have none at hand."""

import asyncio
import signal
from typing import Final

import click

from runtime import flags
from runtime.logs import LogSettings
from simulator.cluster import ClusterSize
from simulator.listening import FIRST_KUBELET_IP, LOOPBACK, ListenAddresses
from simulator.server import SimulatedCluster

_MANY_NODES: Final = 1000  # take more than a moment
_PORT: Final = flags.WholeNumber(0, 65535)


@click.command("simulate", context_settings=flags.CONTEXT)
@flags.flag("--nodes", type=flags.WholeNumber(1), default=3, help="How many nodes there are.")
@flags.flag("--pods-per-node", type=flags.WholeNumber(1), default=10, help="How many pods each node has room for.")
@flags.flag("--seed", type=int, default=1, help="Which cluster of that size: the same seed gives the same one.")
@flags.flag(
    "--unready-nodes",
    is_flag=True,
    help="Let every node be not ready for a minute now and then.",
)
@flags.flag("--listen-ip", default=LOOPBACK, help="Address that the API listens on; 0.0.0.0 is every one.")
@flags.flag("--api-port", type=_PORT, default=8001, help="Port of the Kubernetes API; 0 is any free one.")
@flags.flag(
    "--kubelet-port",
    type=_PORT,
    default=10255,
    help="Port of every kubelet; with --one-address that of the first, the others follow; 0 is any free one.",
)
@flags.flag(
    "--first-kubelet-ip",
    default=FIRST_KUBELET_IP,
    help="Address of the first node's kubelet; the other nodes' are the ones after it.",
)
@flags.flag(
    "--one-address",
    is_flag=True,
    help="All kubelets on --listen-ip, a port each, as the node's status says: for use across containers.",
)
@flags.flag(
    "--kubelet-host",
    default="",
    show_default="the address listened on, or this machine's",
    help="Name or IP that kubelets are found at with --one-address; nodes show its IP as theirs.",
)
def simulate(nodes: int, pods_per_node: int, seed: int, unready_nodes: bool, **layout: str | int | bool) -> None:  # noqa: FBT001 - click passes by name
    """Simulate a cluster: the Kubernetes API (list, watch) and the kubelets' /stats/summary, over plain HTTP.

    Pods come and go, restart and change labels; what a node shows depends on nothing but seed and time.
    """
    LogSettings().start()
    if nodes > _MANY_NODES:
        click.echo(f"making {nodes} nodes …", err=True)
    shape = ClusterSize(nodes=nodes, pods_per_node=pods_per_node, seed=seed, unready_nodes=unready_nodes)
    cluster = SimulatedCluster.generated(shape, ListenAddresses(**layout))  # type: ignore[arg-type]  # click has checked them
    asyncio.run(_serve(cluster, shape))


async def _serve(cluster: SimulatedCluster, shape: ClusterSize) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with cluster:
        click.echo(_where_what_is(cluster, shape))
        await cluster.serve_until(stopped)


def _where_what_is(cluster: SimulatedCluster, shape: ClusterSize) -> str:
    first, *_ = cluster.endpoints.values()
    *_, last = cluster.endpoints.values()
    one_port = first.port == last.port
    in_a_row = one_port or last.port - first.port == shape.nodes - 1
    until = f" to {last.address}:{last.port}" if in_a_row else " and on other ports, as their nodes say"
    kubelets = f"kubelets at {first.address}:{first.port}{until}"
    option = f"kubeletPort={first.port}" if one_port else "nodeStatusPort=true"
    return (
        f"{shape.nodes} nodes with room for {shape.pods_per_node} pods each: API at {cluster.api_url}, {kubelets}; "
        f"scrape them with --source='kubernetes:{cluster.api_url}?inClusterConfig=false&{option}'"
    )


if __name__ == "__main__":
    flags.run(simulate)

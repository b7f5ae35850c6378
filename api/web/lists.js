// Column definitions for the tables of nodes, namespaces, pods and containers.

import { h } from "./dom.js";
import { count, exact, NOTHING, rate } from "./format.js";
import { age, amount, link, linkOf, share } from "./parts.js";
import { Table } from "./table.js";

const LATE_MS = 180_000;

const number = (id, name, title, cell) => ({ id, name, title, number: true, cell });
const byAmount = (id, name, title, resource, none) =>
  number(id, name, title, (row) => amount(resource, row[id], { none }));
const traffic = (id, name, title) =>
  number(id, name, title, (row) => h("span", { title: exact(row[id], "bytes/s") }, rate(row[id])));
const restarts = number("restarts", "Restarts", "Restarts of the containers", (row) =>
  row.restarts ? h("b", null, count(row.restarts)) : count(row.restarts),
);
const resources = (used) => [
  byAmount("cpu", "CPU", "CPU usage", "cpu"),
  byAmount("cpu_request", "CPU request", "CPU request", "cpu", "CPU request"),
  byAmount("cpu_limit", "CPU limit", "CPU limit", "cpu", "CPU limit"),
  byAmount("memory", "Memory", used, "memory"),
  byAmount("memory_request", "Mem. request", "Memory request", "memory", "Memory request"),
  byAmount("memory_limit", "Mem. limit", "Memory limit", "memory", "Memory limit"),
];

export function nodesTable(page) {
  const shareColumn = (resource, part, name, title) => ({
    id: `${resource}_${part}`,
    name,
    title,
    most: true,
    cell: (row) =>
      share(
        resource,
        row[`${resource}_${part}`],
        row[part === "utilization" ? resource : `${resource}_request`],
        row[`${resource}_allocatable`],
      ),
  });
  return new Table({
    caption: "Nodes",
    empty: "No nodes seen in the last 15 minutes.",
    ...page,
    url: (parameters) => `page/nodes?${parameters}`,
    columns: [
      {
        id: "name",
        name: "Node",
        title: "Name of the node",
        cell: (row) => h("a", { href: link("nodes", row.name) }, row.name),
      },
      shareColumn("cpu", "utilization", "CPU used", "CPU usage as a share of allocatable CPU"),
      shareColumn("cpu", "reservation", "CPU reserved", "CPU requests as a share of allocatable CPU"),
      shareColumn("memory", "utilization", "Memory used", "Memory usage as a share of allocatable memory"),
      shareColumn("memory", "reservation", "Memory reserved", "Memory requests as a share of allocatable memory"),
      number("pods", "Pods", "Pods with metrics", (row) => count(row.pods)),
      number("newest_ms", "Newest", "Age of the newest scraped window", (row) => age(row.newest_ms, LATE_MS)),
      number("missing", "Missing", "Windows of the last 15 minutes in which the node did not answer", (row) =>
        row.missing ? h("b", { class: "late" }, count(row.missing)) : "0",
      ),
    ],
  });
}

export function namespacesTable(page) {
  return new Table({
    caption: "Namespaces",
    empty: "No namespaces with current metrics.",
    sort: "cpu",
    order: "desc",
    ...page,
    url: (parameters) => `page/namespaces?${parameters}`,
    columns: [
      {
        id: "name",
        name: "Namespace",
        title: "Name of the namespace",
        cell: (row) => h("a", { href: link("namespaces", row.name) }, row.name),
      },
      number("pods", "Pods", "Pods with metrics", (row) => count(row.pods)),
      ...resources("Memory usage"),
    ],
  });
}

// Pods: of a namespace, on a node, or all.
export function podsTable(page, { namespace, node } = {}) {
  const where = new URLSearchParams({ ...(namespace && { namespace }), ...(node && { node }) });
  return new Table({
    caption: "Pods",
    empty: "No pods with current metrics.",
    sort: "cpu",
    order: "desc",
    ...page,
    url: (parameters) => `page/pods?${where}&${parameters}`.replace("?&", "?"),
    columns: [
      { id: "name", name: "Pod", title: "Name of the pod", cell: (row) => h("a", { href: linkOf(row.key) }, row.name) },
      ...(namespace
        ? []
        : [
            {
              id: "namespace",
              name: "Namespace",
              title: "Namespace of the pod",
              cell: (row) => h("a", { href: link("namespaces", row.namespace) }, row.namespace),
            },
          ]),
      ...(node
        ? []
        : [
            {
              id: "node",
              name: "Node",
              title: "Node that runs the pod",
              cell: (row) => h("a", { href: link("nodes", row.node) }, row.node || NOTHING),
            },
          ]),
      ...resources("Memory working set"),
      traffic("rx_rate", "Received", "Bytes received per second"),
      traffic("tx_rate", "Sent", "Bytes sent per second"),
      restarts,
    ],
  });
}

// Containers: of a pod, or the system containers of a node.
export function containersTable(page, key) {
  const system = key.startsWith("node:");
  return new Table({
    caption: system ? "System containers" : "Containers",
    empty: "No containers with current metrics.",
    filter: false,
    ...page,
    url: (parameters) => `page/containers?${new URLSearchParams({ key })}&${parameters}`,
    columns: [
      {
        id: "name",
        name: "Container",
        title: "Name of the container",
        cell: (row) => h("a", { href: linkOf(row.key) }, row.name),
      },
      ...(system
        ? resources("Memory working set").filter((column) => ["cpu", "memory"].includes(column.id))
        : [...resources("Memory working set"), restarts]),
    ],
  });
}

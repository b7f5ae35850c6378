// Defines the charts of an entity and the lines in each chart.

import { LineChart } from "./chart.js";
import { bytes, cpu, exact, rate } from "./format.js";

const REQUEST = { name: "request", style: "request", reserved: true };
const LIMIT = { name: "limit", style: "limit", reserved: true, far: true };
const ALLOCATABLE = { name: "allocatable", style: "allocatable", far: true };

const CPU = {
  title: "CPU",
  format: cpu,
  unit: "millicores",
  lines: [
    { name: "usage", style: "first", metric: "cpu/usage_rate" },
    { ...REQUEST, metric: "cpu/request" },
    { ...LIMIT, metric: "cpu/limit" },
    { ...ALLOCATABLE, metric: "cpu/node_allocatable" },
  ],
};
const WORKING_SET = { name: "working set", metric: "memory/working_set" };
const USAGE = { name: "usage", metric: "memory/usage" };
const memory = (first, second) => ({
  title: "Memory",
  format: bytes,
  unit: "bytes",
  binary: true,
  lines: [
    { ...first, style: "first" },
    { ...second, style: "second" },
    { ...REQUEST, metric: "memory/request" },
    { ...LIMIT, metric: "memory/limit" },
    { ...ALLOCATABLE, metric: "memory/node_allocatable" },
  ],
});
const NETWORK = {
  title: "Network",
  format: rate,
  unit: "bytes/s",
  binary: true,
  lines: [
    { name: "received", style: "first", metric: "network/rx_rate" },
    { name: "sent", style: "second", metric: "network/tx_rate" },
  ],
};
const filesystem = (resource) => ({
  title: `Filesystem ${resource}`,
  format: bytes,
  unit: "bytes",
  binary: true,
  resource,
  lines: [
    { name: "usage", style: "first", metric: "filesystem/usage" },
    { name: "size", style: "limit", metric: "filesystem/limit", far: true },
  ],
});

// The charts of one entity, created when their first line has data.
export class Charts {
  #charts = new Map(); // chart title to chart

  constructor(element) {
    this.element = element;
  }

  // Takes the service's details document: type, times, lines, resolution_ms.
  show({ type, times, lines, resolution_ms }) {
    const whole = ["pod", "pod_container", "sys_container"].includes(type);
    const resources = [...new Set(lines.map((line) => line.labels.resource_id).filter(Boolean))];
    for (const wanted of [
      CPU,
      whole ? memory(WORKING_SET, USAGE) : memory(USAGE, WORKING_SET),
      NETWORK,
      ...resources.map(filesystem),
    ]) {
      const drawn = wanted.lines.flatMap((line) => {
        const found = lines.find((each) => each.metric === line.metric && each.labels.resource_id === wanted.resource);
        const nothing = !found || (line.reserved && found.values.every((value) => !value));
        return nothing ? [] : [{ ...line, values: found.values }];
      });
      if (drawn.length) this.#chart(wanted).show(drawn, times, resolution_ms);
    }
  }

  #chart(wanted) {
    if (!this.#charts.has(wanted.title)) {
      const chart = new LineChart({ ...wanted, exact: (value) => exact(value, wanted.unit) });
      this.#charts.set(wanted.title, chart);
      this.element.append(chart.element);
    }
    return this.#charts.get(wanted.title);
  }
}

// Formats numbers: short for reading, exact for tooltips.

export const NOTHING = "—";
const BINARY = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

const missing = (value) => value === undefined || value === null;
const grouped = (value, digits = 3) => value.toLocaleString("en", { maximumFractionDigits: digits });

// Three significant digits, or all digits of a larger integer: 1.25, 12.5, 125, 1,250.
function short(value) {
  if (Math.abs(value) >= 1000) return grouped(Math.round(value));
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return String(Number(value.toFixed(digits)));
}

export function cpu(millicores) {
  if (missing(millicores)) return NOTHING;
  if (Math.abs(millicores) < 1000) return `${Math.round(millicores)}m`;
  return millicores === 1000 ? "1 core" : `${short(millicores / 1000)} cores`;
}

export function bytes(count) {
  if (missing(count)) return NOTHING;
  let [value, unit] = [count, 0];
  while (Math.abs(value) >= 1023.5 && unit < BINARY.length - 1) [value, unit] = [value / 1024, unit + 1];
  return `${short(value)} ${BINARY[unit]}`;
}

export function rate(bytesPerSecond) {
  return missing(bytesPerSecond) ? NOTHING : `${bytes(bytesPerSecond)}/s`;
}

export function percent(ratio) {
  if (missing(ratio)) return NOTHING;
  const value = 100 * ratio;
  return `${Number(value.toFixed(value > 0 && value < 9.95 ? 1 : 0))}%`;
}

export function count(value) {
  return missing(value) ? NOTHING : grouped(value);
}

// Formats a metric by its unit in the metric catalogue.
export function metric(value, unit) {
  if (unit === "millicores") return cpu(value);
  if (unit === "bytes") return bytes(value);
  if (unit === "bytes/s") return rate(value);
  if (unit === "ratio") return percent(value);
  if (unit === "ns") return duration(value / 1e9);
  if (unit === "ms") return duration(value / 1e3);
  if (unit === "s") return `${short(value)} s`;
  return unit && unit !== "count" && unit !== "boolean" ? `${count(value)} ${unit}` : count(value);
}

export function exact(value, unit) {
  return missing(value) ? "no value" : `${grouped(value, 20)} ${unit}`.trim();
}

export function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 120) return `${whole} s`;
  if (whole < 7200) return `${Math.floor(whole / 60)} min`;
  if (whole < 172800) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  return `${Math.floor(whole / 86400)} d ${Math.floor((whole % 86400) / 3600)} h`;
}

export function clock(ms, seconds = true) {
  const options = { hour: "2-digit", minute: "2-digit", hourCycle: "h23", ...(seconds && { second: "2-digit" }) };
  return new Date(ms).toLocaleTimeString("en", options);
}

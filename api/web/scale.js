// Axis ticks at round numbers: decimal for amounts, powers of two for bytes.

const TICKS = 4;
const ROUND = [1, 2, 2.5, 5, 10];

// The distance between ticks: at most four ticks reach the greatest value.
export function stepFor(greatest, binary) {
  if (!(greatest > 0)) return binary ? 1024 : 1;
  const least = greatest / TICKS;
  if (!binary) {
    const power = 10 ** Math.floor(Math.log10(least));
    return power * ROUND.find((factor) => factor * power >= least * (1 - 1e-9));
  }
  const unit = 1024 ** Math.max(0, Math.floor(Math.log2(least) / 10));
  const step = unit * 2 ** Math.ceil(Math.log2(least / unit) - 1e-9);
  // Three quarters of a power of two where every tick is round in the same unit: less empty space in the chart.
  return 0.75 * step >= least && step >= 4 * unit && greatest < 1024 * unit ? 0.75 * step : step;
}

// Axes: ticks at round numbers, in tens for amounts, in powers of two for bytes.

const TICKS = 4;
const ROUND = [1, 2, 2.5, 5, 10];

// The distance between ticks so that at most four of them reach the greatest value.
export function stepFor(greatest, binary) {
  if (!(greatest > 0)) return binary ? 1024 : 1;
  const least = greatest / TICKS;
  if (!binary) {
    const power = 10 ** Math.floor(Math.log10(least));
    return power * ROUND.find((factor) => factor * power >= least * (1 - 1e-9));
  }
  const unit = 1024 ** Math.max(0, Math.floor(Math.log2(least) / 10));
  const step = unit * 2 ** Math.ceil(Math.log2(least / unit) - 1e-9);
  // 3 of 4 ticks of one power would leave nearly half of the chart empty: half steps where they are round too
  return 0.75 * step >= least && step >= 4 * unit ? 0.75 * step : step;
}

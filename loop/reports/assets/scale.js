// Axes: from data to pixels, round ticks, and their texts.

/** From data to pixels. `axis`: {domain: [low, high], log}. */
function scale(axis, from, to) {
  const f = axis.log ? Math.log10 : (x) => x;
  const [low, high] = axis.domain.map(f);
  const k = (to - from) / (high - low || 1);
  return (x) => from + (f(x) - low) * k;
}

function ticks(axis, wanted) {
  const [low, high] = axis.domain;
  if (axis.log) {
    const decades = Math.log10(high / low);
    const steps = decades > wanted ? [1] : decades > wanted / 3 ? [1, 3] : [1, 2, 5];
    const every = Math.max(1, Math.ceil(decades / wanted));
    const found = [];
    for (let e = Math.floor(Math.log10(low)); e <= Math.ceil(Math.log10(high)); e += every) {
      for (const s of steps) found.push(s * 10 ** e);
    }
    const kept = found.filter((x) => x >= low * 0.999 && x <= high * 1.001);
    if (kept.length > 1) return kept;
  }
  const rough = (high - low) / Math.max(1, wanted);
  const size = 10 ** Math.floor(Math.log10(rough));
  let step = size * [1, 2, 5, 10].find((s) => size * s >= rough * 0.999);
  if (axis.integer) step = Math.max(1, Math.round(step));
  const found = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k++) found.push(k * step);
  return found;
}

function tickText(x, all, log) {
  if (x === 0) return "0";
  const step = log ? Math.abs(x) : Math.abs(all[1] - all[0]) || Math.abs(x);
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  if (Math.abs(x) >= 1e6 || digits > 4) return superscript(x.toExponential(0));
  // Of a logarithmic axis that spans little, ticks are evenly spaced: each needs the figures that it has.
  const text = log ? String(Number(x.toPrecision(3))) : x.toFixed(digits);
  return (Math.abs(x) >= 10000 ? count(text) : text).replace("-", "−");
}

function superscript(text) {
  const [mantissa, exponent] = text.split("e");
  const raised = String(Number(exponent)).replace(/[-\d]/g, (d) => ({ "-": "⁻" })[d] ?? "⁰¹²³⁴⁵⁶⁷⁸⁹"[d]);
  return mantissa === "1" ? `10${raised}` : `${mantissa} × 10${raised}`;
}

/** A range around values, from 0 where they come near it. */
function domainOf(values, { zero = true, pad = 0.06 } = {}) {
  let low = Infinity,
    high = -Infinity;
  for (const x of values)
    if (Number.isFinite(x)) {
      if (x < low) low = x;
      if (x > high) high = x;
    }
  if (low > high) return [0, 1];
  if (low === high) {
    low -= Math.abs(low) * 0.1 || 1;
    high += Math.abs(high) * 0.1 || 1;
  }
  const more = (high - low) * pad;
  if (zero && low >= 0 && low < 0.45 * high) return [0, high + more];
  return [low - more, high + more];
}

/** A label, or what stands before its colon where the room is short. */
const fitting = (label, room) => (label.length * 6.4 > room ? label.split(":")[0] : label);

/** Ticks of the x axis with their texts, less those whose texts would touch. */
function thinned(values, axis, sx) {
  let end = -Infinity;
  const found = [];
  for (const t of values) {
    const text = axis.text?.(t) ?? tickText(t, values, axis.log);
    const half = text.length * 3.6 + 4;
    if (sx(t) - half < end) continue;
    end = sx(t) + half;
    found.push([t, text]);
  }
  return found;
}

// Numbers, times and states as a person reads them.

const UNIT = "mS/cm";

/** A number with so many significant figures, never in powers of ten within everyday sizes; "–" where there is none. */
function num(x, figures = 3) {
  if (x === null || x === undefined || !Number.isFinite(x)) return "–";
  if (x === 0) return "0";
  const size = Math.floor(Math.log10(Math.abs(x)));
  if (size < -4 || size > 6)
    return x
      .toExponential(figures - 1)
      .replace("e", " × 10^")
      .replaceAll("-", "−")
      .replace("+", "");
  const text = x.toFixed(Math.max(0, figures - 1 - size));
  return (size >= 4 ? count(text) : text).replace("-", "−");
}

/** A value with its standard deviation, both to the deviation's second figure; a tiny one as a number of its own. */
function pm(value, std) {
  if (!(std > 0)) return num(value);
  const digits = Math.max(0, 1 - Math.floor(Math.log10(std)));
  if (digits > 5) return `${num(value)} ± ${num(std, 2)}`;
  return `${value.toFixed(digits)} ± ${std.toFixed(digits)}`.replace(/-/g, "−");
}

const GROUPED = new Intl.NumberFormat("en-GB");
const count = (n) => GROUPED.format(n);
const some = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;
const percent = (share) => `${Math.round(100 * share)} %`;

/** 21 Nov 2026, 16:05 UTC */
function when(ts) {
  if (!ts) return "–";
  const date = new Date(ts);
  const day = date.toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });
  const time = date.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: "UTC" });
  return `${day}, ${time} UTC`;
}

function duration(hours) {
  if (!hours) return "0 h";
  if (hours < 1 / 60) return `${(hours * 3600).toFixed(0)} s`;
  return hours < 1 ? `${num(hours * 60, 2)} min` : `${num(hours, 3)} h`;
}

/** Each state with a sign of its own, so that it is told apart without colour. */
const STATES = {
  candidate: ["○", "proposed"],
  approved: ["◔", "approved"],
  running: ["▶", "running"],
  completed: ["●", "measured"],
  failed: ["✕", "failed"],
  rejected: ["⊘", "rejected"],
  abandoned: ["✕", "abandoned"],
  lost: ["?", "lost"],
  unasked: ["◆", "not asked for"],
  intended: ["○", "intended"],
  submitted: ["▶", "running"],
  finished: ["●", "finished"],
};

function chip(status) {
  const [sign, words] = STATES[status] ?? ["", status];
  return el("span", { class: `chip ${status}` }, el("span", { "aria-hidden": "true" }, sign), " ", words);
}

/** Colour, shape and dash of a source; the same in every plot. */
const SOURCES = {
  experiment: { colour: "var(--blue)", shape: "square" },
  openmm: { colour: "var(--red)", shape: "circle" },
  mlff: { colour: "var(--pink)", shape: "triangle" },
};
const sourceStyle = (name) => SOURCES[name] ?? { colour: "var(--green)", shape: "diamond" };

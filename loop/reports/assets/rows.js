// The rows of the table of candidates, and their cells in a CSV file.

/** Candidates, and results that nobody asked for, as rows of one table. */
function tableRows(view) {
  const rows = view.candidates.map((one, order) => {
    const results = one.results.map((k) => view.results[k]);
    const last = results.filter((r) => r.counts).at(-1) ?? null;
    return {
      key: one.id,
      hash: `#c/${one.id}`,
      order,
      text: one.text,
      status: one.status,
      batch: one.batch,
      mean: one.mean,
      std: one.std,
      value: last?.value ?? null,
      error: last?.std ?? null,
      source: last?.source ?? "",
      limit: results.find((r) => r.limit) ?? null,
      isOther: Boolean(last?.note),
      oracle: one.oracle,
      isReplicate: one.is_replicate,
      reason: one.reason,
    };
  });
  view.results.forEach((r, k) => {
    if (!r.candidate)
      rows.push({
        key: r.id,
        hash: `#r/${r.id}`,
        order: view.candidates.length + k,
        text: r.text,
        status: "unasked",
        batch: null,
        mean: r.mean,
        std: r.pstd,
        value: r.counts ? r.value : null,
        error: r.std,
        source: r.source,
        limit: r.limit ? r : null,
        isOther: false,
        oracle: "",
        isReplicate: false,
        reason: r.retracted && `retracted: ${r.retracted}`,
      });
  });
  for (const row of rows) {
    row.off =
      row.value !== null && row.mean !== null && !row.isOther
        ? (row.value - row.mean) / Math.hypot(row.std, row.error)
        : null;
    row.search =
      `${row.text} ${row.key} ${row.status} ${(STATES[row.status] ?? ["", ""])[1]} ${row.oracle} ${row.source}`.toLowerCase();
  }
  return rows;
}

/** Text that a spreadsheet would compute gets an apostrophe. */
function csvCell(value) {
  if (value === null || value === undefined) return "";
  let text = String(value);
  if (typeof value === "string" && /^[=+\-@\t\r]/.test(text)) text = `'${text}`;
  return /[",\r\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
}

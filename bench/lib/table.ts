/** Rows as aligned text. Numbers to the right, words to the left. */
export function formatTable(
  columns: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const widths = columns.map((name, i) =>
    Math.max(name.length, ...rows.map((row) => (row[i] ?? '').length)),
  );
  const line = (cells: readonly string[]) =>
    widths
      .map((width, i) => {
        const cell = cells[i] ?? '';
        return /^[-\d]/.test(cell) ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd();
  return [
    line(columns),
    widths.map((width) => '-'.repeat(width)).join('  '),
    ...rows.map(line),
  ].join('\n');
}

/** Three significant digits or whole thousands with separators; `-` for what was not measured. */
export function formatNumber(value: number | undefined): string {
  if (value === undefined || Number.isNaN(value)) return '-';
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en-US');
  return Number(value.toPrecision(3)).toString();
}

/** A ratio; `-` where one side was not measured. */
export function times(value: number): string {
  return Number.isNaN(value) ? '-' : `${formatNumber(value)}x`;
}

/** Whether a multiple of another broker's figure was reached; nothing where none is aimed at. */
export function describeAim(aim: number | undefined, reached: number): string {
  if (aim === undefined) return '';
  return `>= ${aim}x: ${reached >= aim ? 'reached' : 'MISSED'}`;
}

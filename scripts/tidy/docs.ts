/**
 * Tables in the documents that the code knows better: each stands between two marks and is written by
 * `node scripts/run.mjs scripts/tidy.ts --write`.
 *
 *   <!-- generated: config -->
 *   | … |
 *   <!-- end -->
 */
import { lineAt, type Problem, type Source } from './source.ts';

/** Name of the block → its content. */
export type Tables = Readonly<Record<string, () => string>>;

const BLOCK = /<!-- generated: ([\w-]+) -->\n([\s\S]*?)<!-- end -->/g;

/** Every block holds what its table says, and every table has a block. */
export function checkDocs(sources: readonly Source[], tables: Tables): Problem[] {
  const problems: Problem[] = [];
  const seen = new Set<string>();
  for (const { path, text } of sources) {
    if (!path.endsWith('.md')) continue;
    for (const match of text.matchAll(BLOCK)) {
      const name = match[1]!;
      const line = lineAt(text, match.index);
      const table = tables[name];
      seen.add(name);
      if (table === undefined) {
        problems.push({ path, line, message: `there is no table called ${name}` });
      } else if (match[2] !== `${table()}\n`) {
        const message = `the table ${name} differs from the code; npm run tidy -- --write renews it`;
        problems.push({ path, line, message });
      }
    }
  }
  for (const name of Object.keys(tables)) {
    if (seen.has(name)) continue;
    problems.push({ path: 'docs', message: `no page shows the table ${name}` });
  }
  return problems;
}

/** The text with every block renewed. */
export function renewDocs(text: string, tables: Tables): string {
  return text.replace(BLOCK, (whole, name: string) => {
    const table = tables[name];
    if (table === undefined) return whole;
    return `<!-- generated: ${name} -->\n${table()}\n<!-- end -->`;
  });
}

/** A markdown table. */
export function markdownTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n');
}

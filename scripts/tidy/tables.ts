/** The tables of the code that the documents show. */
import { BROKER_ERRORS } from '../../packages/polymq/src/core/errors.ts';
import { STREAM_CONFIG } from '../../packages/polymq/src/core/stream/stream-config.ts';
import { configTable } from '../../packages/polymq/src/server/config/describe.ts';
import { markdownTable, type Tables } from './docs.ts';

export const TABLES: Tables = {
  config: configTable,
  errors: () =>
    markdownTable(
      ['Code', 'Worth repeating', 'Meaning'],
      Object.entries(BROKER_ERRORS).map(([code, { doc, retriable }]) => [
        `\`${code}\``,
        retriable ? 'yes' : 'no',
        doc,
      ]),
    ),
  'stream-config': () =>
    markdownTable(
      ['Setting', 'Default', 'Allowed', 'Meaning'],
      Object.entries(STREAM_CONFIG).map(([name, row]) => [
        `\`${name}\``,
        row.default === Number.MAX_SAFE_INTEGER ? 'no limit' : String(row.default),
        row.values?.map((value) => `\`${value}\``).join(' ') ?? range(row),
        row.doc,
      ]),
    ),
};

function range({ min, max }: { min?: number; max?: number }): string {
  const from = min === undefined ? '' : `from ${min}`;
  return max === undefined ? from : `${from} to ${max}`.trim();
}

/** Every metric that the code names has a row in the table of metrics, and so a help text and a place in the docs. */
import { isProduction, lineAt, type Problem, type Source } from './source.ts';

export function checkMetricNames(
  sources: readonly Source[],
  metrics: Readonly<Record<string, unknown>>,
): Problem[] {
  return sources.filter(isProduction).flatMap(({ path, text }) =>
    Array.from(text.matchAll(/'(polymq_[a-z_]+)'/g))
      .filter(([, name]) => !Object.hasOwn(metrics, name!))
      .map((match) => ({
        path,
        line: lineAt(text, match.index),
        message: `${match[1]} has no row in admin/metric-table.ts`,
      })),
  );
}

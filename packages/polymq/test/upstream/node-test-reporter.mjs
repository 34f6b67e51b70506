/**
 * A reporter for `node --test`: one JSON line for each test (not for suites that hold others), with the
 * names on the way to it. Node reports in the order of the file, a suite's start before its tests.
 */
export default async function* report(source) {
  const open = [];
  for await (const { type, data } of source) {
    if (type === 'test:start') {
      open.length = data.nesting;
      open[data.nesting] = { name: data.name, children: 0 };
      if (data.nesting > 0) open[data.nesting - 1].children += 1;
    }
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    const failed = type === 'test:fail';
    // A suite fails with its tests; the file itself counts only if it broke.
    const holdsOthers = data.details?.type === 'suite' || (open[data.nesting]?.children ?? 0) > 0;
    if (holdsOthers || (!failed && data.name.endsWith('.js'))) continue;
    const names = [...open.slice(0, data.nesting).map(({ name }) => name), data.name];
    const cause = data.details?.error?.cause;
    const message = failed ? String(cause?.message ?? data.details?.error?.message ?? cause) : '';
    const skipped = data.skip !== undefined && data.skip !== false;
    const status = failed ? 'failed' : skipped ? 'skipped' : 'passed';
    const path = names.filter((name) => !name.endsWith('.js'));
    if (path.length === 0) path.push('(the file itself)');
    yield `${JSON.stringify({ names: path, status, message })}\n`;
  }
}

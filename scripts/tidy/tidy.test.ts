import { describe, expect, it } from 'vitest';
import { checkBannedCalls, EXCEPTIONS } from './banned-calls.ts';
import { checkDocs, markdownTable, renewDocs } from './docs.ts';
import { checkFileShape } from './file-shape.ts';
import { checkLayers } from './layers.ts';
import { checkLockfile } from './lockfile.ts';
import { checkMetricNames } from './metric-names.ts';
import { type Check, codeOnly, type Source } from './source.ts';

/** What a check says of one planted file, as `line: message`. */
function plant(check: Check, path: string, text: string): string[] {
  return check([{ path, text }]).map(({ line, message }) => `${line ?? '-'}: ${message}`);
}

const src = (path: string): string => `packages/polymq/src/${path}`;

describe('the layer map', () => {
  it.each([
    ['lib/x.ts', '../log/log.ts', 'lib lies below log'],
    ['log/x.ts', '../core/errors.ts', 'log lies below core'],
    ['core/x.ts', '../net/connection.ts', 'core lies below net'],
    ['protocols/kafka/x.ts', '../../server/broker.ts', 'protocols lies below server'],
    ['server/x.ts', '../cli/run.ts', 'server lies below cli'],
    ['admin/x.ts', '../protocols/kafka/index.ts', 'stand side by side'],
    ['protocols/kafka/x.ts', '../amqp/index.ts', 'knows no other protocol'],
    ['core/x.ts', '../lib/environment/node/node-disk.ts', 'only the composition root'],
    ['util/x.ts', '../lib/x.ts', 'no layer is called util'],
  ])('refuses that %s imports %s', (from, to, message) => {
    for (const text of [
      `import { a } from '${to}';\n`,
      `import type { A } from '${to}';\n`,
      `export * from '${to}';\n`,
      `import {\n  a,\n} from '${to}';\n`,
      `const a = await import('${to}');\n`,
    ]) {
      expect(plant(checkLayers, src(from), text).join()).toContain(message);
    }
  });

  it('allows what points downward, and everything to tests', () => {
    expect(plant(checkLayers, src('core/x.ts'), "import { a } from '../log/log.ts';\n")).toEqual(
      [],
    );
    expect(plant(checkLayers, src('lib/x.test.ts'), "import '../log/log.ts';\n")).toEqual([]);
    expect(
      plant(checkLayers, src('server/x.ts'), "import '../protocols/kafka/index.ts';\n"),
    ).toEqual([]);
  });

  it('lets a driver of the client know what lies below, and no other driver', () => {
    const driver = 'packages/client/src/drivers/sqs/x.ts';
    const problems = (to: string): string =>
      plant(checkLayers, driver, `import { a } from '${to}';\n`).join();
    expect(problems('../../lib/clock.ts')).toBe('');
    expect(problems('./y.ts')).toBe('');
    expect(problems('../kafka/index.ts')).toContain('a driver knows no other driver');
    expect(problems('../../queue/queue.ts')).toContain('side by side');
    expect(problems('polymq')).toContain('the client knows no broker');
  });

  it('refuses a protocol by name in the code of log and core, but not in their comments', () => {
    expect(plant(checkLayers, src('core/x.ts'), '\nconst kafkaVersion = 1;\n')).toEqual([
      '2: the code names a protocol (kafka); log and core know none',
    ]);
    expect(plant(checkLayers, src('log/x.ts'), "// As Kafka does.\nconst a = 'redis';\n")).toEqual(
      [],
    );
    expect(plant(checkLayers, src('net/x.ts'), 'const kafkaVersion = 1;\n')).toEqual([]);
  });
});

describe('banned calls', () => {
  it.each([
    'const a = Date.now();',
    'const a = new Date();',
    'const a = performance.now();',
    'const a = process.hrtime.bigint();',
    'setTimeout(() => {}, 1);',
    'setInterval(() => {}, 1);',
    'setImmediate(() => {});',
    'const a = Math.random();',
    'const a = randomBytes(4);',
    "const a = process.env['A'];",
    'process.exit(1);',
    "console.log('x');",
    "import { readFileSync } from 'node:fs';",
    "import net from 'node:net';",
    "const fs = await import('node:fs/promises');",
    "import { cpus } from 'os';",
  ])('refuses %s outside the environment, the server and the command line', (text) => {
    expect(plant(checkBannedCalls, src('core/x.ts'), `\n${text}\n`)).not.toEqual([]);
    for (const free of ['lib/environment/node/x.ts', 'server/x.ts', 'cli/x.ts', 'core/x.test.ts']) {
      expect(plant(checkBannedCalls, src(free), text)).toEqual([]);
    }
  });

  it('says where and what to use', () => {
    expect(plant(checkBannedCalls, src('net/x.ts'), '\n\nconst a = Math.random();\n')).toEqual([
      '3: Math.random is banned here; use environment.random',
    ]);
  });

  it('allows names that only look alike, types, and what stands in comments and strings', () => {
    for (const text of [
      'this.timers.setTimeout(1);',
      'const a = new Date(ms);',
      "import type { Socket } from 'node:net';",
      '// Date.now() is banned',
      "const a = 'Math.random';",
      'const a = /console./;',
      "import { createHash } from 'node:crypto';",
    ]) {
      expect(plant(checkBannedCalls, src('core/x.ts'), text)).toEqual([]);
    }
  });

  it('gives a reason for every exception', () => {
    for (const { modules, why } of Object.values(EXCEPTIONS)) {
      expect(modules.length).toBeGreaterThan(0);
      expect(why.length).toBeGreaterThan(20);
    }
  });
});

describe('the shape of files', () => {
  const head = '/**\n * What it is.\n * How it works.\n */\n';
  const lines = (count: number): string => 'const a = 1;\n'.repeat(count);

  it('refuses more than 500 lines, except in tests and tables', () => {
    expect(plant(checkFileShape, src('core/x.ts'), head + lines(497))).toEqual([
      '-: has 501 lines, at most 500; split it by concept',
    ]);
    expect(plant(checkFileShape, src('core/x.ts'), head + lines(496))).toEqual([]);
    expect(plant(checkFileShape, src('core/x.test.ts'), lines(600))).toEqual([]);
  });

  it('wants a comment at the head of a file of more than 80 lines', () => {
    const problem = plant(checkFileShape, src('core/x.ts'), lines(81));
    expect(problem.join()).toContain('opens without a comment');
    expect(plant(checkFileShape, src('core/x.ts'), `/** Short. */\n${lines(81)}`)).toHaveLength(1);
    expect(plant(checkFileShape, src('core/x.ts'), head + lines(81))).toEqual([]);
    const imports = "import {\n  a,\n} from './a.ts';\nimport b from 'b';\n\n";
    expect(plant(checkFileShape, src('core/x.ts'), imports + head + lines(81))).toEqual([]);
    expect(plant(checkFileShape, src('core/x.ts'), lines(80))).toEqual([]);
  });

  it('refuses leftovers', () => {
    const text = '// FIXME now\n// TODO later\n// TODO(#12) with an issue\n';
    expect(plant(checkFileShape, 'bench/x.ts', text).map((line) => line.slice(0, 8))).toEqual([
      '1: FIXME',
      '2: TODO ',
    ]);
  });

  it('wants one title at the head of a page, not counting what stands in code', () => {
    expect(plant(checkFileShape, 'docs/a.md', '# One\n\n```\n# no title\n```\n')).toEqual([]);
    for (const text of ['# One\n\n# Two\n', '## None\n', 'Words.\n\n# Late\n']) {
      expect(plant(checkFileShape, 'docs/a.md', text)).toHaveLength(1);
    }
  });
});

describe('the lock', () => {
  it('refuses the name of a registry', () => {
    const host = 'https://registry.example/a.tgz';
    expect(plant(checkLockfile, 'package-lock.json', `\n"resolved": "${host}"\n`)).toHaveLength(1);
    expect(plant(checkLockfile, 'package-lock.json', '"resolved": "packages/polymq"')).toEqual([]);
  });
});

describe('metric names', () => {
  it('must be in the table', () => {
    const check: Check = (sources) => checkMetricNames(sources, { polymq_known: {} });
    const text = "counter('polymq_known');\ncounter('polymq_unknown_total');\n";
    expect(plant(check, src('net/x.ts'), text)).toEqual([
      '2: polymq_unknown_total has no row in admin/metric-table.ts',
    ]);
    expect(plant(check, src('net/x.test.ts'), text)).toEqual([]);
  });
});

describe('tables in the documents', () => {
  const tables = { colours: () => markdownTable(['Colour'], [['red'], ['a|b']]) };
  const page = (content: string): Source => {
    const text = `# Page\n\n<!-- generated: colours -->\n${content}<!-- end -->\n`;
    return { path: 'docs/a.md', text };
  };

  it('must equal the code, and are renewed from it', () => {
    const stale = page('| old |\n');
    expect(checkDocs([stale], tables).map(({ message }) => message)).toEqual([
      'the table colours differs from the code; npm run tidy -- --write renews it',
    ]);
    const renewed = { path: stale.path, text: renewDocs(stale.text, tables) };
    expect(renewed.text).toContain('| Colour |\n|---|\n| red |\n| a\\|b |\n<!-- end -->');
    expect(checkDocs([renewed], tables)).toEqual([]);
  });

  it('must exist on both sides', () => {
    expect(checkDocs([], tables)[0]!.message).toBe('no page shows the table colours');
    expect(checkDocs([page('')], {})[0]!.message).toBe('there is no table called colours');
  });
});

describe('codeOnly', () => {
  it('blanks comments, strings and regular expressions, and keeps positions', () => {
    const text = 'a(/* x */ "s\'z", `uv`); // y\nb = /[/"]/.test(c); d = 1 / 2;\n';
    const code = codeOnly(text);
    expect(code).toHaveLength(text.length);
    expect(code).not.toMatch(/[xzuvy"'`]/);
    expect(code).toContain('d = 1 / 2;');
    expect(code.split('\n')).toHaveLength(3);
  });
});

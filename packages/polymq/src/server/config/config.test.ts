import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { readConfigFile } from './config-file.ts';
import { configTable, configYaml, flagLines } from './describe.ts';
import { ConfigError, type ConfigSources, resolveConfig, resolveTable } from './resolve.ts';
import { settingRows } from './rows.ts';
import { parseSetting, type Setting } from './setting.ts';
import { SETTINGS } from './settings.ts';

/** The problems that a configuration is refused with. */
function problemsOf(sources: ConfigSources): readonly string[] {
  try {
    resolveConfig(sources);
  } catch (error: unknown) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  throw new Error('the configuration was accepted');
}

describe('the table of settings', () => {
  const rows = settingRows(SETTINGS);

  it('derives flags and variables from names, and no two are the same', () => {
    const row = rows.find(({ name }) => name === 'groups.sessionTimeoutMsMax');
    expect(row).toMatchObject({
      flag: 'groups-session-timeout-ms-max',
      env: 'POLYMQ_GROUPS__SESSION_TIMEOUT_MS_MAX',
    });
    expect(new Set(rows.map(({ flag }) => flag)).size).toBe(rows.length);
    expect(new Set(rows.map(({ env }) => env)).size).toBe(rows.length);
  });

  it.each(rows)('accepts the default of $name and says what it means', ({ setting }) => {
    expect(parseSetting(setting, setting.default)).toEqual(setting.default);
    expect(setting.doc).toMatch(/^[A-Z1`].*\.$/s);
  });

  it('holds the defaults of a stream, except durability, which stands above', () => {
    const { config } = resolveConfig({});
    expect(config.streams.retentionMs).toBe(604_800_000);
    expect(config.streams).not.toHaveProperty('durability');
    expect(config.durability).toBe('fsync');
  });
});

describe('resolveConfig', () => {
  it('prefers flag over environment over file over default', () => {
    const tree = { data: '/file', durability: 'os', nodeId: 7 };
    const env = { POLYMQ_DATA: '/env', POLYMQ_DURABILITY: 'memory', OTHER: 'x' };
    const flags = new Map([['data', ['/flag']]]);
    const { config, origins } = resolveConfig({ tree, env, flags, treeName: 'file a.yaml' });
    expect(config).toMatchObject({
      data: '/flag',
      durability: 'memory',
      nodeId: 7,
      stopMs: 10_000,
    });
    expect(Object.fromEntries(origins)).toMatchObject({
      data: 'flag --data',
      durability: 'environment variable POLYMQ_DURABILITY',
      nodeId: 'file a.yaml, nodeId',
      stopMs: 'default',
    });
  });

  it('freezes the result, sections and lists included', () => {
    const { config } = resolveConfig({ tree: { listen: ['kafka://127.0.0.1:0'] } });
    for (const part of [config, config.limits, config.listen]) {
      expect(Object.isFrozen(part)).toBe(true);
    }
  });

  it('refuses unknown names wherever they stand, each with a guess', () => {
    expect(
      problemsOf({
        tree: { lisen: [], log: { levle: 'info' } },
        env: { POLYMQ_LOG__LEVLE: 'info' },
        flags: new Map([['durabilty', ['os']]]),
        treeName: 'file polymq.yaml',
      }),
    ).toEqual([
      'file polymq.yaml: unknown setting lisen; did you mean "listen"?',
      'file polymq.yaml: unknown setting log.levle; did you mean "log.level"?',
      'unknown environment variable POLYMQ_LOG__LEVLE; did you mean "POLYMQ_LOG__LEVEL"?',
      'unknown flag --durabilty; did you mean "--durability"?',
    ]);
  });

  it('names the place, the limit and the value of what is out of range', () => {
    expect(problemsOf({ env: { POLYMQ_LIMITS__IDLE_MS: '5ms' } })).toEqual([
      'environment variable POLYMQ_LIMITS__IDLE_MS: must be at least 1000, not 5',
    ]);
    expect(problemsOf({ tree: { streams: { partitions: 1.5 } } })).toEqual([
      'options, streams.partitions: must be a whole number, not 1.5',
    ]);
    expect(problemsOf({ tree: { streams: 3 } })).toEqual(['options: streams must be a section']);
    expect(problemsOf({ tree: [] })).toEqual(['options: must hold a section of settings']);
  });

  it('finds a mistake in a weaker source too, before it comes to light', () => {
    const flags = new Map([['node-id', ['1']]]);
    expect(problemsOf({ flags, env: { POLYMQ_NODE_ID: 'one' } })).toEqual([
      'environment variable POLYMQ_NODE_ID: must be a whole number, not "one"',
    ]);
  });

  it('refuses settings that contradict each other', () => {
    const tree = { groups: { sessionTimeoutMsMin: 10_000, sessionTimeoutMsMax: 9_000 } };
    expect(problemsOf({ tree })[0]).toContain('must not be above groups.sessionTimeoutMsMax');
  });

  it('refuses an address that is none', () => {
    expect(problemsOf({ tree: { listen: ['kafka:9092'] } })[0]).toContain('kafka://127.0.0.1:9092');
    expect(problemsOf({ tree: { advertise: ['kafka=broker'] } })[0]).toContain(
      'kafka=broker.example:9092',
    );
  });

  it('refuses a flag that is given twice, unless it is a list', () => {
    expect(problemsOf({ flags: new Map([['node-id', ['1', '2']]]) })).toEqual([
      'flag --node-id: given 2 times',
    ]);
    const urls = ['kafka://127.0.0.1:0', 'http://127.0.0.1:0'];
    expect(resolveConfig({ flags: new Map([['listen', urls]]) }).config.listen).toEqual(urls);
  });

  it('splits a list in the environment at commas, and takes an empty variable as not set', () => {
    const env = { POLYMQ_LISTEN: 'kafka://127.0.0.1:0, http://127.0.0.1:0', POLYMQ_DATA: '' };
    const { config } = resolveConfig({ env });
    expect(config.listen).toEqual(['kafka://127.0.0.1:0', 'http://127.0.0.1:0']);
    expect(config.data).toBe('./data');
  });

  it('ignores variables of the client side and of the tests', () => {
    const env = { POLYMQ_URL: 'x', POLYMQ_CONFIG: 'x', POLYMQ_TEST_PEER: 'x' };
    expect(() => resolveConfig({ env })).not.toThrow();
  });
});

describe('values', () => {
  const bytes: Setting<number> = { kind: 'bytes', default: 0, doc: '' };
  const time: Setting<number> = { kind: 'milliseconds', default: 0, min: -1, doc: '' };
  const flag: Setting<boolean> = { kind: 'boolean', default: false, doc: '' };

  it.each([
    [bytes, '64KiB', 65_536],
    [bytes, '1 MB', 1_000_000],
    [bytes, 12, 12],
    [bytes, '1.5GiB', 1_610_612_736],
    [time, '7d', 604_800_000],
    [time, '250', 250],
    [time, '-1', -1],
    [flag, 'true', true],
    [flag, '0', false],
    [flag, true, true],
  ] as const)('reads %o %o', (setting, raw, value) => {
    expect(parseSetting(setting, raw)).toBe(value);
  });

  it.each([
    [bytes, '64 kb'],
    [bytes, '1e9'],
    [bytes, ''],
    [bytes, true],
    [time, '-2'],
    [time, '1 hour'],
    [time, null],
    [flag, 'yes'],
    [flag, 2],
  ] as const)('refuses %o %o', (setting, raw) => {
    expect(() => parseSetting(setting, raw)).toThrow(/^must be /);
  });
});

describe('secrets', () => {
  const table = {
    admin: { token: { kind: 'text', default: '', secret: true, doc: 'A token.' } },
    name: { kind: 'text', default: '', doc: 'A name.' },
  };

  it('reads a secret from the file that its variable names, without the last line break', () => {
    const readSecret = (path: string) => `secret of ${path}\n`;
    const env = { POLYMQ_ADMIN__TOKEN_FILE: '/run/token' };
    const { config, origins } = resolveTable<{ admin: { token: string } }>(table, {
      env,
      readSecret,
    });
    expect(config.admin.token).toBe('secret of /run/token');
    expect(origins.get('admin.token')).toBe('file named by POLYMQ_ADMIN__TOKEN_FILE');
  });

  it('offers no such file for what is no secret', () => {
    expect(() => resolveTable(table, { env: { POLYMQ_NAME_FILE: '/x' } })).toThrow(
      'unknown environment variable POLYMQ_NAME_FILE',
    );
  });

  it('never repeats a secret in an error', () => {
    const env = { POLYMQ_ADMIN__TOKEN: 'hunter2' };
    const strict = {
      admin: { token: { ...table.admin.token, check: (text: string) => `${text} is too short` } },
    };
    expect(() => resolveTable(strict, { env })).toThrow(/POLYMQ_ADMIN__TOKEN: not valid$/);
  });
});

describe('configuration files', () => {
  const folder = mkdtempSync(join(tmpdir(), 'polymq-config-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };

  it('reads YAML and JSON', async () => {
    const yaml = file('a.yaml', 'data: /srv\nstreams:\n  partitions: 3\n');
    const json = file('a.json', '{ "data": "/srv", "streams": { "partitions": 3 } }');
    for (const path of [yaml, json]) {
      const { config } = resolveConfig({ tree: await readConfigFile(path) });
      expect(config).toMatchObject({ data: '/srv', streams: { partitions: 3, autoCreate: true } });
    }
  });

  it('takes an empty file for no settings', async () => {
    expect(await readConfigFile(file('empty.yml', ''))).toEqual({});
  });

  it.each([
    ['missing.yaml', undefined, /no such file/],
    ['broken.yaml', 'a: [', /broken\.yaml: /],
    ['twice.yaml', 'data: a\ndata: b', /unique/],
    ['broken.json', '{', /broken\.json: /],
    ['a.toml', 'data = 1', /must end in/],
    ['large.yaml', `#${'x'.repeat(1024 * 1024)}`, /at most/],
  ])('refuses %s and names it', async (name, text, message) => {
    const path = text === undefined ? join(folder, name) : file(name, text);
    await expect(readConfigFile(path)).rejects.toThrow(message);
    await expect(readConfigFile(path)).rejects.toThrow(ConfigError);
  });
});

describe('what is printed', () => {
  it('prints a file that resolves to the same configuration', () => {
    const tree = { data: '/srv', listen: ['kafka://[::1]:0'], streams: { autoCreate: false } };
    const resolved = resolveConfig({ tree });
    const text = configYaml(resolved, { origins: true });
    expect(resolveConfig({ tree: parse(text) }).config).toEqual(resolved.config);
    expect(text).toContain('autoCreate: false  # options, streams.autoCreate');
  });

  it('does not print a secret', () => {
    const tree = { aws: { accessKeys: ['AKID:wordOfMouth'] } };
    const text = configYaml(resolveConfig({ tree }), { origins: true });
    expect(text).not.toContain('wordOfMouth');
    expect(text).toContain('# accessKeys: set, but secret');
  });

  it('shows every setting in the help and in the reference, in at most 100 columns', () => {
    const help = flagLines(true);
    for (const { flag, name } of settingRows(SETTINGS)) {
      expect(help.some((line) => line.startsWith(`  --${flag}`))).toBe(true);
      expect(configTable()).toContain(`| \`${name}\` |`);
    }
    expect(Math.max(...help.map((line) => line.length))).toBeLessThanOrEqual(100);
  });
});

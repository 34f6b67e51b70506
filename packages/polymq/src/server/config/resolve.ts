/**
 * Turns what was said about the configuration into one frozen, typed object.
 *
 * Precedence, strongest first: flag, environment, file (or the options of `startBroker`), default.
 * Whatever is unknown or out of range is a problem; all problems are collected and thrown together as one
 * `ConfigError`, so that nobody has to start ten times to find ten mistakes.
 */
import { didYouMean } from '../../lib/suggest.ts';
import { ENV_PREFIX, type SettingRow, settingRows } from './rows.ts';
import { parseSetting, type Setting, SettingProblem } from './setting.ts';
import { type Config, SETTINGS } from './settings.ts';

export interface ConfigSources {
  /** Flag name without dashes → text; several texts for a flag that was repeated. */
  flags?: ReadonlyMap<string, readonly string[]>;
  env?: Readonly<Record<string, string | undefined>>;
  /** The content of a configuration file, or the options of `startBroker`. */
  tree?: unknown;
  /** How the tree is called in errors: `file polymq.yaml`, `options`. */
  treeName?: string;
  /** Reads the file that a `…_FILE` variable names. */
  readSecret?: (path: string) => string;
}

export interface ResolvedConfig<C = Config> {
  readonly config: C;
  /** Setting name → where its value came from: `flag --data`, `default`. */
  readonly origins: ReadonlyMap<string, string>;
}

/** The configuration cannot be used. The message has one line per problem. */
export class ConfigError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

/** Variables with our prefix that are no settings: the file, where clients connect, our own tests. */
const OTHER_ENV = new RegExp(`^${ENV_PREFIX}(CONFIG|URL|TEST_.*|BENCH_.*|KAFKA_MESSAGE_DIR)$`);

interface Raw {
  value: unknown;
  origin: string;
}

export function resolveConfig(sources: ConfigSources): ResolvedConfig {
  const resolved = resolveTable<Config>(SETTINGS, sources);
  const problems = contradictions(resolved.config);
  if (problems.length > 0) throw new ConfigError(problems);
  return resolved;
}

/** The same for any table: what `resolveConfig` is made of. */
export function resolveTable<C>(table: object, sources: ConfigSources): ResolvedConfig<C> {
  const rows = settingRows(table);
  const problems: string[] = [];
  const given = [
    fromTree(rows, sources, problems),
    fromEnv(rows, sources, problems),
    fromFlags(rows, sources, problems),
  ];
  const origins = new Map<string, string>();
  const tree = {};
  for (const row of rows) {
    let value = row.setting.default;
    let origin = 'default';
    // Every source is parsed, also one that a stronger one hides: a mistake should not lie in wait.
    for (const source of given) {
      const raw = source.get(row.name);
      if (raw === undefined) continue;
      try {
        value = parseSetting(row.setting, raw.value);
        origin = raw.origin;
      } catch (error: unknown) {
        if (!(error instanceof SettingProblem)) throw error;
        problems.push(
          `${raw.origin}: ${row.setting.secret ? secretProblem(row.setting) : error.message}`,
        );
      }
    }
    setAt(tree, row.path, value);
    origins.set(row.name, origin);
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return { config: freezeDeep(tree) as C, origins };
}

function fromFlags(
  rows: readonly SettingRow[],
  sources: ConfigSources,
  problems: string[],
): Map<string, Raw> {
  const raws = new Map<string, Raw>();
  const byFlag = new Map(rows.map((row) => [row.flag, row]));
  for (const [flag, texts] of sources.flags ?? []) {
    const row = byFlag.get(flag);
    if (row === undefined) {
      const flags = Array.from(byFlag.keys(), (name) => `--${name}`);
      problems.push(`unknown flag --${flag}${didYouMean(`--${flag}`, flags)}`);
      continue;
    }
    const list = row.setting.kind === 'list';
    if (texts.length > 1 && !list) problems.push(`flag --${flag}: given ${texts.length} times`);
    const value = list ? texts.flatMap((text) => text.split(',')) : texts.at(-1);
    raws.set(row.name, { value, origin: `flag --${flag}` });
  }
  return raws;
}

function fromEnv(
  rows: readonly SettingRow[],
  sources: ConfigSources,
  problems: string[],
): Map<string, Raw> {
  const raws = new Map<string, Raw>();
  const byEnv = new Map(rows.map((row) => [row.env, row]));
  for (const [name, text] of Object.entries(sources.env ?? {})) {
    // An empty variable counts as not set: that is how container tools unset one.
    if (!name.startsWith(ENV_PREFIX) || OTHER_ENV.test(name) || !text) continue;
    const row = byEnv.get(name);
    if (row !== undefined) {
      raws.set(row.name, { value: text, origin: `environment variable ${name}` });
      continue;
    }
    const secret = name.endsWith('_FILE') ? byEnv.get(name.slice(0, -'_FILE'.length)) : undefined;
    if (secret?.setting.secret) {
      const value = readSecret(name, text, sources, problems);
      if (value !== undefined) raws.set(secret.name, { value, origin: `file named by ${name}` });
      continue;
    }
    problems.push(`unknown environment variable ${name}${didYouMean(name, byEnv.keys())}`);
  }
  return raws;
}

function readSecret(
  name: string,
  path: string,
  sources: ConfigSources,
  problems: string[],
): string | undefined {
  try {
    return sources.readSecret?.(path).replace(/\r?\n$/, '');
  } catch (error: unknown) {
    problems.push(`environment variable ${name}: ${(error as Error).message}`);
    return undefined;
  }
}

function fromTree(
  rows: readonly SettingRow[],
  sources: ConfigSources,
  problems: string[],
): Map<string, Raw> {
  const raws = new Map<string, Raw>();
  const treeName = sources.treeName ?? 'options';
  const byName = new Map(rows.map((row) => [row.name, row]));
  const sections = new Set(rows.flatMap((row) => row.path.slice(0, -1)));
  const visit = (node: object, above: string): void => {
    for (const [key, value] of Object.entries(node)) {
      const name = above + key;
      if (value === undefined) continue;
      if (byName.has(name)) {
        raws.set(name, { value, origin: `${treeName}, ${name}` });
      } else if (sections.has(name)) {
        if (isRecord(value)) visit(value, `${name}.`);
        else if (value !== null) problems.push(`${treeName}: ${name} must be a section`);
      } else {
        const known = [...byName.keys(), ...sections];
        problems.push(`${treeName}: unknown setting ${name}${didYouMean(name, known)}`);
      }
    }
  };
  const tree = sources.tree ?? {};
  if (isRecord(tree)) visit(tree, '');
  else problems.push(`${treeName}: must hold a section of settings`);
  return raws;
}

function isRecord(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function setAt(tree: object, path: readonly string[], value: unknown): void {
  let node = tree as Record<string, unknown>;
  for (const key of path.slice(0, -1)) {
    node[key] ??= {};
    node = node[key] as Record<string, unknown>;
  }
  node[path.at(-1)!] = value;
}

function freezeDeep(node: object): object {
  for (const value of Object.values(node)) if (isRecord(value)) freezeDeep(value);
  return Object.freeze(node);
}

/** What each setting allows by itself but not together with another. */
/** Says nothing of the value. */
function secretProblem({ placeholder }: Setting<unknown>): string {
  return placeholder === undefined ? 'not valid' : `not valid; it must look like ${placeholder}`;
}

function contradictions(config: Config): string[] {
  const problems: string[] = [];
  const { groups, limits, streams } = config;
  if (groups.sessionTimeoutMsMin > groups.sessionTimeoutMsMax) {
    problems.push('groups.sessionTimeoutMsMin must not be above groups.sessionTimeoutMsMax');
  }
  if (streams.batchBytesMax > limits.frameBytesMax) {
    problems.push('streams.batchBytesMax must not be above limits.frameBytesMax');
  }
  return problems;
}

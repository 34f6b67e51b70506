/**
 * What one setting is: its kind, its range, its default and what people read about it.
 *
 * A raw value comes from a flag or the environment as text, or from a file or from `startBroker` as a
 * JavaScript value. `parseSetting` turns either into the typed value, or throws `SettingProblem` with a
 * sentence that says what is allowed.
 */

export type SettingKind =
  | 'text'
  | 'integer'
  | 'bytes'
  | 'milliseconds'
  | 'boolean'
  | 'choice'
  | 'list';

export interface Setting<T> {
  readonly kind: SettingKind;
  readonly default: T;
  /** Bounds of a number, both inclusive. */
  readonly min?: number;
  readonly max?: number;
  /** What a choice may be. */
  readonly values?: readonly string[];
  /** How the value is called in the help text. */
  readonly placeholder?: string;
  /** Never printed, and may be read from a file named by `…_FILE` in the environment. */
  readonly secret?: boolean;
  /** Says what is wrong with a text, or with one entry of a list. */
  readonly check?: (text: string) => string | undefined;
  /** One or two sentences for the help and the reference. */
  readonly doc: string;
}

type Plain = string | number | boolean | readonly unknown[];

/** One row for every leaf of a configuration. */
export type SettingsOf<C> = {
  readonly [K in keyof C]-?: C[K] extends Plain
    ? Setting<C[K]>
    : { readonly [P in keyof C[K]]-?: Setting<C[K][P]> };
};

/** What a value may not be, as the end of a sentence that begins with the setting's name. */
export class SettingProblem extends Error {}

const BYTE_UNITS: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

const TIME_UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** The typed value of `raw`, or `SettingProblem`. */
export function parseSetting(setting: Setting<unknown>, raw: unknown): unknown {
  switch (setting.kind) {
    case 'text':
      return checked(setting, asText(raw));
    case 'choice':
      return asChoice(setting, asText(raw));
    case 'boolean':
      return asBoolean(raw);
    case 'list':
      return Object.freeze(asList(raw).map((entry) => checked(setting, entry)));
    case 'integer':
      return inRange(setting, asNumber(raw, {}));
    case 'bytes':
      return inRange(setting, asNumber(raw, BYTE_UNITS));
    case 'milliseconds':
      return inRange(setting, asNumber(raw, TIME_UNITS));
  }
}

function asText(raw: unknown): string {
  if (typeof raw === 'string') return raw;
  if (typeof raw === 'number') return String(raw);
  throw new SettingProblem(`must be a text, not ${nameOf(raw)}`);
}

function checked(setting: Setting<unknown>, text: string): string {
  const problem = setting.check?.(text);
  if (problem !== undefined) throw new SettingProblem(problem);
  return text;
}

function asChoice(setting: Setting<unknown>, text: string): string {
  const values = setting.values ?? [];
  if (values.includes(text)) return text;
  throw new SettingProblem(`must be ${values.join(' or ')}, not "${text}"`);
}

function asBoolean(raw: unknown): boolean {
  if (raw === true || raw === 'true' || raw === '1') return true;
  if (raw === false || raw === 'false' || raw === '0') return false;
  throw new SettingProblem(`must be true or false, not ${nameOf(raw)}`);
}

function asList(raw: unknown): string[] {
  if (typeof raw === 'string') {
    return raw
      .split(',')
      .map((entry) => entry.trim())
      .filter((entry) => entry !== '');
  }
  if (Array.isArray(raw)) return raw.map(asText);
  throw new SettingProblem(`must be a list, not ${nameOf(raw)}`);
}

function asNumber(raw: unknown, units: Readonly<Record<string, number>>): number {
  if (typeof raw === 'number') return raw;
  const parts = /^(-?\d+(?:\.\d+)?) ?([A-Za-z]*)$/.exec(typeof raw === 'string' ? raw : '');
  const unit = parts?.[2] ? units[parts[2]] : 1;
  if (parts === null || unit === undefined) {
    const known = Object.keys(units).join(', ');
    const form = known === '' ? 'a whole number' : `a number, with or without a unit (${known})`;
    throw new SettingProblem(`must be ${form}, not ${nameOf(raw)}`);
  }
  return Number(parts[1]) * unit;
}

function inRange(setting: Setting<unknown>, value: number): number {
  if (!Number.isSafeInteger(value))
    throw new SettingProblem(`must be a whole number, not ${value}`);
  if (setting.min !== undefined && value < setting.min) {
    throw new SettingProblem(`must be at least ${setting.min}, not ${value}`);
  }
  if (setting.max !== undefined && value > setting.max) {
    throw new SettingProblem(`must be at most ${setting.max}, not ${value}`);
  }
  return value;
}

function nameOf(raw: unknown): string {
  if (typeof raw === 'string') return `"${raw}"`;
  if (raw === null) return 'null';
  if (Array.isArray(raw)) return 'a list';
  return typeof raw === 'object' ? 'a section' : String(raw);
}

/**
 * The settings as text: the lines of `--help`, the file that `polymq config print` prints, the table in
 * `docs/reference/config.md`. All of it comes from the table of settings, so none of it can be out of date.
 * Secrets are never shown.
 */
import type { ResolvedConfig } from './resolve.ts';
import { type SettingRow, settingRows } from './rows.ts';
import type { Setting } from './setting.ts';
import { SETTINGS } from './settings.ts';

/** `10 MiB`, `7 days`, `[]`: how people write the value. */
export function formatValue(setting: Setting<unknown>, value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.join(', ');
  if (value === '') return 'empty';
  if (typeof value !== 'number' || value < 0) return String(value);
  if (value === Number.MAX_SAFE_INTEGER) return 'no limit';
  if (setting.kind === 'bytes') return withUnit(value, [1, 1024, 1024, 1024], BYTE_NAMES);
  if (setting.kind === 'milliseconds') return withUnit(value, [1, 1000, 60, 60, 24], TIME_NAMES);
  return String(value);
}

const BYTE_NAMES: readonly string[] = ['B', 'KiB', 'MiB', 'GiB'];
const TIME_NAMES: readonly string[] = ['ms', 's', 'min', 'h', 'd'];

function withUnit(value: number, steps: readonly number[], names: readonly string[]): string {
  let amount = value;
  let unit = 0;
  while (unit + 1 < steps.length && amount !== 0 && amount % steps[unit + 1]! === 0) {
    unit += 1;
    amount /= steps[unit]!;
  }
  return `${amount} ${names[unit]}`;
}

/** The table of the reference page. */
export function configTable(): string {
  const lines = [
    '| Setting | Flag | Environment | Default | Allowed | Meaning |',
    '|---|---|---|---|---|---|',
  ];
  for (const row of settingRows(SETTINGS)) {
    const { setting } = row;
    const cells = [
      `\`${row.name}\``,
      `\`--${row.flag}\``,
      `\`${row.env}\``,
      formatValue(setting, setting.default),
      allowed(setting),
      setting.doc,
    ];
    lines.push(`| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`);
  }
  return lines.join('\n');
}

function allowed(setting: Setting<unknown>): string {
  if (setting.values !== undefined) return setting.values.map((value) => `\`${value}\``).join(' ');
  if (setting.kind === 'boolean') return '`true` `false`';
  if (setting.kind === 'text') return setting.placeholder ? `\`${setting.placeholder}\`` : 'text';
  if (setting.kind === 'list') return `list of \`${setting.placeholder ?? 'text'}\``;
  const { min, max } = setting;
  const unit = setting.kind === 'integer' ? '' : setting.kind;
  const range = [
    min === undefined ? '' : `from ${formatValue(setting, min)}`,
    max === undefined ? '' : `to ${formatValue(setting, max)}`,
  ];
  return [unit, ...range].filter((part) => part !== '').join(' ');
}

/** The lines of `--help` that name the settings; `all` names also those in sections. */
export function flagLines(all: boolean): string[] {
  return settingRows(SETTINGS)
    .filter((row) => all || row.path.length === 1 || row.path[0] === 'log')
    .flatMap((row) => {
      const left = `  --${row.flag}${valueName(row)}`;
      const fallback = formatValue(row.setting, row.setting.default);
      return wrap(left, `${row.setting.doc} [${fallback}]`);
    });
}

function valueName({ setting }: SettingRow): string {
  if (setting.kind === 'boolean') return '';
  return ` ${setting.placeholder ?? setting.values?.join('|') ?? VALUE_NAMES[setting.kind]}`;
}

const VALUE_NAMES: Readonly<Record<Setting<unknown>['kind'], string>> = {
  text: 'TEXT',
  integer: 'N',
  bytes: 'BYTES',
  milliseconds: 'MS',
  boolean: '',
  choice: 'WORD',
  list: 'TEXT',
};

const LEFT_COLUMNS = 34;
const COLUMNS = 100;

function wrap(left: string, text: string): string[] {
  const lines: string[] = [];
  let line = left.padEnd(LEFT_COLUMNS - 1);
  if (left.length >= LEFT_COLUMNS - 1) {
    lines.push(left);
    line = ' '.repeat(LEFT_COLUMNS - 1);
  }
  for (const word of text.split(' ')) {
    if (line.length + word.length + 1 > COLUMNS) {
      lines.push(line);
      line = ' '.repeat(LEFT_COLUMNS - 1);
    }
    line += ` ${word}`;
  }
  lines.push(line);
  return lines;
}

/** A YAML file that says the same as the resolved configuration, but for secrets that were set. */
export function configYaml(resolved: ResolvedConfig, options: { origins: boolean }): string {
  const lines: string[] = [];
  let section: string | undefined;
  for (const row of settingRows(SETTINGS)) {
    const above = row.path.length > 1 ? row.path[0] : undefined;
    if (above !== section && above !== undefined) lines.push(`${above}:`);
    section = above;
    const origin = resolved.origins.get(row.name) ?? 'default';
    const note = options.origins && origin !== 'default' ? `  # ${origin}` : '';
    const indent = above === undefined ? '' : '  ';
    if (row.setting.secret && origin !== 'default') {
      lines.push(`${indent}# ${row.path.at(-1)}: set, but secret${note}`);
      continue;
    }
    const value = valueAt(resolved.config, row.path);
    lines.push(`${indent}${row.path.at(-1)}: ${JSON.stringify(value)}${note}`);
  }
  return `${lines.join('\n')}\n`;
}

function valueAt(tree: object, path: readonly string[]): unknown {
  return path.reduce<unknown>((node, key) => (node as Record<string, unknown>)[key], tree);
}

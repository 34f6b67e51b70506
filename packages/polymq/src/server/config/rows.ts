import type { Setting } from './setting.ts';

/** One setting with all its names. */
export interface SettingRow {
  /** Where it stands in the typed object, such as `['log', 'level']`. */
  readonly path: readonly string[];
  /** `log.level` */
  readonly name: string;
  /** `log-level`, without the dashes. */
  readonly flag: string;
  /** `POLYMQ_LOG__LEVEL` */
  readonly env: string;
  readonly setting: Setting<unknown>;
}

export const ENV_PREFIX = 'POLYMQ_';

/** A nested table of settings as a list, in order, with the names derived from the paths. */
export function settingRows(table: object, above: readonly string[] = []): SettingRow[] {
  return Object.entries(table).flatMap(([key, entry]: [string, object]) => {
    const path = [...above, key];
    return isSetting(entry) ? [rowOf(path, entry)] : settingRows(entry, path);
  });
}

function isSetting(entry: object): entry is Setting<unknown> {
  return 'kind' in entry && typeof entry.kind === 'string';
}

function rowOf(path: readonly string[], setting: Setting<unknown>): SettingRow {
  return {
    path,
    name: path.join('.'),
    flag: path.map((part) => words(part).join('-')).join('-'),
    env: ENV_PREFIX + path.map((part) => words(part).join('_').toUpperCase()).join('__'),
    setting,
  };
}

function words(camelCase: string): string[] {
  return camelCase.split(/(?=[A-Z])/).map((word) => word.toLowerCase());
}

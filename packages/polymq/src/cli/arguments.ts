/**
 * Arguments into a command and its flags, checked against the tables of commands and settings. Whatever is
 * unknown is an error with a guess at what was meant; nothing is silently ignored.
 */
import { parseArgs } from 'node:util';
import { didYouMean } from '../lib/suggest.ts';
import { settingRows } from '../server/config/rows.ts';
import { SETTINGS } from '../server/config/settings.ts';
import { COMMANDS, type Command, type Invocation } from './commands.ts';
import { CONFIG_FLAG, UsageError } from './usage.ts';

export type Parsed =
  | { readonly kind: 'help'; readonly command: Command | undefined }
  | { readonly kind: 'version' }
  | { readonly kind: 'run'; readonly command: Command; readonly invocation: Invocation };

/** Flags that every command takes. */
export const COMMON_SWITCHES: Readonly<Record<string, string>> = {
  help: 'Print this help; after a command, with all its flags.',
  version: 'Print the version.',
};

interface FlagKinds {
  /** Flags that take a value. */
  texts: Set<string>;
  /** Flags of the settings table that take none. */
  booleans: Set<string>;
}

const FLAG_KINDS: FlagKinds = {
  texts: new Set([CONFIG_FLAG, ...flagsWhere((kind) => kind !== 'boolean')]),
  booleans: new Set(flagsWhere((kind) => kind === 'boolean')),
};

function flagsWhere(accept: (kind: string) => boolean): string[] {
  return settingRows(SETTINGS)
    .filter(({ setting }) => accept(setting.kind))
    .map(({ flag }) => flag);
}

export function parseArguments(args: readonly string[]): Parsed {
  const { tokens } = parseArgs({
    args: [...args],
    strict: false,
    tokens: true,
    options: Object.fromEntries([
      ...Array.from(FLAG_KINDS.texts, (flag) => [flag, { type: 'string', multiple: true }]),
      ['help', { type: 'boolean', short: 'h' }],
      ['version', { type: 'boolean', short: 'v' }],
    ]),
  });
  const words: string[] = [];
  const flags: GivenFlag[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') words.push(token.value);
    else if (token.kind === 'option') flags.push(token);
  }
  if (flags.some(({ name }) => name === 'version')) return { kind: 'version' };
  const help = flags.some(({ name }) => name === 'help');
  if (words.length === 0 && help) return { kind: 'help', command: undefined };
  const command = findCommand(words);
  if (help) return { kind: 'help', command };
  // Flags first: the value of a mistyped flag looks like a word too many, but is not the mistake.
  const invocation = readFlags(command, flags);
  refuseWords(command, words);
  return { kind: 'run', command, invocation };
}

interface GivenFlag {
  name: string;
  rawName: string;
  value?: string | undefined;
  inlineValue?: boolean | undefined;
}

function findCommand(words: readonly string[]): Command {
  const names = COMMANDS.map(({ name }) => name);
  if (words.length === 0) {
    throw new UsageError(`say what to do: polymq ${names.join(', polymq ')}; or polymq --help`);
  }
  const line = words.join(' ');
  const command = COMMANDS.find(({ name }) => line === name || line.startsWith(`${name} `));
  if (command === undefined) {
    throw new UsageError(`unknown command "${line}"${didYouMean(line, names)}`);
  }
  return command;
}

function refuseWords(command: Command, words: readonly string[]): void {
  const rest = words.join(' ').slice(command.name.length + 1);
  if (rest !== '') throw new UsageError(`polymq ${command.name} takes flags only, not "${rest}"`);
}

function readFlags(command: Command, given: readonly GivenFlag[]): Invocation {
  const flags = new Map<string, string[]>();
  const switches = new Set<string>();
  for (const flag of given) {
    if (Object.hasOwn(command.switches, flag.name)) {
      if (flag.value !== undefined) throw new UsageError(`flag ${flag.rawName} takes no value`);
      switches.add(flag.name);
      continue;
    }
    const [name, value] = settingOf(command, flag);
    const texts = flags.get(name);
    if (texts === undefined) flags.set(name, [value]);
    else texts.push(value);
  }
  return { flags, switches };
}

/** The name of a settings flag and its text; `--no-x` is `--x false`. */
function settingOf(command: Command, flag: GivenFlag): [name: string, text: string] {
  if (command.settings) {
    if (FLAG_KINDS.texts.has(flag.name)) return [flag.name, textOf(flag)];
    if (FLAG_KINDS.booleans.has(flag.name)) return [flag.name, flag.value ?? 'true'];
    const negated = flag.name.startsWith('no-') ? flag.name.slice('no-'.length) : '';
    if (FLAG_KINDS.booleans.has(negated)) {
      if (flag.value !== undefined) throw new UsageError(`flag ${flag.rawName} takes no value`);
      return [negated, 'false'];
    }
  }
  const known = [
    ...Object.keys(command.switches),
    ...Object.keys(COMMON_SWITCHES),
    ...(command.settings ? [...FLAG_KINDS.texts, ...FLAG_KINDS.booleans] : []),
  ];
  const guess = didYouMean(flag.name, known).replace('"', '"--');
  throw new UsageError(`unknown flag ${flag.rawName}${guess}`);
}

function textOf(flag: GivenFlag): string {
  // Without strict mode the parser would take the next flag for a value that was forgotten.
  if (flag.value === undefined || (!flag.inlineValue && flag.value.startsWith('--'))) {
    throw new UsageError(`flag ${flag.rawName} needs a value`);
  }
  return flag.value;
}

/** The commands of the program, one row each. */
export interface Command {
  /** `serve`, or two words: `config print`. */
  readonly name: string;
  readonly doc: string;
  /** Whether it takes the flags of the settings table. */
  readonly settings: boolean;
  /** Further flags without a value. */
  readonly switches: Readonly<Record<string, string>>;
  /** Runs it and resolves with the exit code. Loaded when asked for. */
  load(): Promise<(invocation: Invocation) => Promise<number>>;
}

export interface Invocation {
  /** Flags of the settings table that were given: flag → texts. */
  readonly flags: ReadonlyMap<string, readonly string[]>;
  readonly switches: ReadonlySet<string>;
}

export const COMMANDS: readonly Command[] = [
  {
    name: 'serve',
    doc: 'Starts the broker and runs it until SIGTERM or Ctrl-C.',
    settings: true,
    switches: {},
    load: async () => (await import('./serve.ts')).serve,
  },
  {
    name: 'dev',
    doc: 'Starts a throw-away broker in memory and prints how programs reach it.',
    settings: true,
    switches: {},
    load: async () => (await import('./serve.ts')).dev,
  },
  {
    name: 'config print',
    doc: 'Prints the default configuration as YAML, or with --effective the one that would be used.',
    settings: true,
    switches: { effective: 'Print what flags, environment and file make of it, and where from.' },
    load: async () => (await import('./config-print.ts')).configPrint,
  },
];

import { flagLines } from '../server/config/describe.ts';
import { COMMON_SWITCHES } from './arguments.ts';
import { COMMANDS, type Command } from './commands.ts';
import { CONFIG_FLAG } from './usage.ts';

/** The text of `polymq --help`, or of one command with all its flags. */
export function helpText(command: Command | undefined): string {
  const lines =
    command === undefined
      ? [
          'PolyMQ: a message broker that existing clients use unchanged, over one durable log.',
          '',
          'Usage: polymq COMMAND [FLAGS]',
          '',
          ...COMMANDS.map(({ name, doc }) => `  polymq ${name.padEnd(24)} ${doc}`),
        ]
      : [`Usage: polymq ${command.name} [FLAGS]`, '', `  ${command.doc}`];
  lines.push('', 'Flags:', ...switchLines(command?.switches ?? {}));
  if (command === undefined || command.settings) {
    lines.push(
      switchLine(`${CONFIG_FLAG} FILE`, 'Read settings from a YAML or JSON file (POLYMQ_CONFIG).'),
      ...flagLines(command !== undefined),
    );
  }
  lines.push(...switchLines(COMMON_SWITCHES));
  if (command === undefined) lines.push('', 'polymq serve --help shows every setting.');
  lines.push(
    '',
    'Every setting may also come from the environment (--log-level: POLYMQ_LOG__LEVEL) or the file.',
    'A flag beats the environment, which beats the file.',
  );
  return `${lines.join('\n')}\n`;
}

function switchLines(switches: Readonly<Record<string, string>>): string[] {
  return Object.entries(switches).map(([name, doc]) => switchLine(name, doc));
}

function switchLine(left: string, doc: string): string {
  return `  --${left.padEnd(29)} ${doc}`;
}

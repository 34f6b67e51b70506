/**
 * What a Redis client sends, from the first byte on: commands as arrays and as typed lines. The same commands must come
 * out however the bytes are cut, and the reader that takes PUBLISH where it lies must see what the scanner sees.
 */
import { CommandScan, startsCommand } from '../../../src/protocols/redis/codec/command-scan.ts';
import { inlineEnd, splitInline } from '../../../src/protocols/redis/codec/inline-command.ts';
import { readInteger } from '../../../src/protocols/redis/codec/numbers.ts';
import { RespError } from '../../../src/protocols/redis/codec/resp-error.ts';
import { RequestReader } from '../../../src/protocols/redis/publishing.ts';
import { type FuzzTarget, WrongResult } from '../target.ts';
import { cutsOf, STALL_OF_CUTS_MS } from './splits.ts';

const LIMITS = {
  countMax: 100,
  longCountMax: 1000,
  bulkBytesMax: 20_000,
  commandBytesMax: 40_000,
};

interface Outcome {
  commands: string[];
  error: RespError | undefined;
}

export function resp(): FuzzTarget {
  return {
    name: 'resp',
    seeds,
    run: (input) => {
      const whole = parse(input, [input.length]);
      for (const cut of cutsOf(input.length))
        compare(whole, parse(input, [cut, input.length]), cut);
      if (whole.error) throw whole.error;
    },
    allows: (error) => error instanceof RespError,
    memoryBytesMax: 1 << 20,
    stallMs: STALL_OF_CUTS_MS,
  };
}

/** As a session reads: what is not whole is looked at again when more has come. `ends`: up to where the input is there. */
function parse(input: Buffer, ends: readonly number[]): Outcome {
  const scan = new CommandScan(LIMITS, (name) => name.toString('latin1').startsWith('SUB'));
  const outcome: Outcome = { commands: [], error: undefined };
  let at = 0;
  try {
    for (const end of ends) {
      while (at < end) {
        const next = command(input, at, end, scan, outcome.commands);
        if (next === at) break;
        at = next;
      }
    }
  } catch (error) {
    if (!(error instanceof RespError)) throw error;
    outcome.error = error;
  }
  return outcome;
}

function command(
  input: Buffer,
  at: number,
  end: number,
  scan: CommandScan,
  commands: string[],
): number {
  if (!startsCommand(input, at)) {
    const lineEnd = inlineEnd(input, at, end);
    if (lineEnd === 0) return at;
    if (lineEnd <= at || lineEnd > end) throw new WrongResult(`a line from ${at} to ${lineEnd}`);
    commands.push(splitInline(input, at, lineEnd).map(text).join(' '));
    return lineEnd;
  }
  if (!scan.scan(input, at, end)) return at;
  const { bytes, count } = scan;
  if (bytes < 4 || at + bytes > end || bytes > LIMITS.commandBytesMax + 64) {
    throw new WrongResult(`a command of ${bytes} bytes`);
  }
  const args: string[] = [];
  for (let i = 0; i < count; i += 1) {
    args.push(text(input.subarray(at + scan.starts[i]!, at + scan.ends[i]!)));
  }
  checkInPlace(input, at, at + bytes, args);
  commands.push(args.join(' '));
  scan.reset();
  return at + bytes;
}

/** The quick way may decline, but what it takes must be what it is. */
function checkInPlace(input: Buffer, at: number, end: number, args: readonly string[]): void {
  const reader = new RequestReader();
  if (!reader.isPublish(input, at, end)) return;
  if (args.length !== 3 || !/^s?publish$/i.test(args[0]!)) {
    throw new WrongResult(`${args[0]} with ${args.length} arguments was taken for a PUBLISH`);
  }
  const bytes = reader.number(input, reader.next + 1, end);
  if (bytes !== -1 && bytes !== args[1]!.length)
    throw new WrongResult(`a channel of ${bytes} bytes was found`);
}

function compare(whole: Outcome, cut: Outcome, at: number): void {
  const say = ({ commands, error }: Outcome) => JSON.stringify([commands, error?.message]);
  if (say(whole) !== say(cut)) {
    throw new WrongResult(`whole: ${say(whole)}; cut at ${at}: ${say(cut)}`.slice(0, 500));
  }
}

function text(bytes: Buffer): string {
  const number = readInteger(bytes, 0, bytes.length);
  if (!Number.isNaN(number) && String(number) !== bytes.toString('latin1')) {
    throw new WrongResult(`"${bytes.toString('latin1')}" was read as ${number}`);
  }
  return bytes.toString('latin1');
}

function seeds(): Buffer[] {
  const array = (...args: string[]) =>
    `*${args.length}\r\n${args.map((arg) => `$${Buffer.byteLength(arg)}\r\n${arg}\r\n`).join('')}`;
  const texts = [
    array('PUBLISH', 'news', 'hello'),
    array('SPUBLISH', 'news', ''),
    array('SUBSCRIBE', 'a', 'b', 'c'),
    array('HELLO', '3', 'AUTH', 'default', 'secret', 'SETNAME', 'me'),
    array('PSUBSCRIBE', 'n[ae]?w*'),
    'PING\r\n',
    'PUBLISH news "a \\"quoted\\" \\x41 word"\r\n',
    "SET 'single \\' quote' plain\n",
    '\r\n  \r\nPING\r\n',
    '*0\r\n*-1\r\n',
    `*1000\r\n${'$1\r\na\r\n'.repeat(1000)}`,
    '*3\r\n$7\r\nPUBLISH\r\n$1\r\na\r\n$20000\r\n',
  ];
  return [...texts, texts.slice(0, 8).join('')].map((each) => Buffer.from(each, 'latin1'));
}

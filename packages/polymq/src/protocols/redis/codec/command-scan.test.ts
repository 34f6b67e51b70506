import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CommandScan, type ScanLimits } from './command-scan.ts';
import { RespError } from './resp-error.ts';

const LIMITS: ScanLimits = {
  countMax: 10,
  longCountMax: 40,
  bulkBytesMax: 1000,
  commandBytesMax: 3000,
};

const newScan = (): CommandScan =>
  new CommandScan(LIMITS, (name) => name.toString('latin1').toLowerCase() === 'subscribe');

function encode(args: readonly Uint8Array[]): Buffer {
  const parts = args.flatMap((arg) => [
    Buffer.from(`$${arg.length}\r\n`),
    arg,
    Buffer.from('\r\n'),
  ]);
  return Buffer.concat([Buffer.from(`*${args.length}\r\n`), ...parts]);
}

function argumentsOf(scan: CommandScan, buffer: Buffer, start: number): Buffer[] {
  return Array.from({ length: scan.count }, (_, index) =>
    buffer.subarray(start + scan.starts[index]!, start + scan.ends[index]!),
  );
}

const refusal = (text: string): string | undefined => {
  const scan = newScan();
  const bytes = Buffer.from(text, 'latin1');
  try {
    scan.scan(bytes, 0, bytes.length);
    return undefined;
  } catch (error: unknown) {
    expect(error).toBeInstanceOf(RespError);
    return (error as Error).message;
  }
};

describe('a command', () => {
  it('is found with all its arguments, however the network has cut it', () => {
    const argument = fc.uint8Array({ maxLength: 60 });
    fc.assert(
      fc.property(fc.array(argument, { minLength: 1, maxLength: 10 }), fc.nat(9), (args, step) => {
        const bytes = encode(args);
        const scan = newScan();
        for (let end = 0; end < bytes.length; end += step + 1) {
          // Each time somewhere else in memory.
          const moved = Buffer.concat([Buffer.alloc(end % 7), bytes.subarray(0, end)]);
          expect(scan.scan(moved, end % 7, moved.length)).toBe(false);
        }
        expect(scan.scan(bytes, 0, bytes.length)).toBe(true);
        expect(scan.bytes).toBe(bytes.length);
        expect(argumentsOf(scan, bytes, 0)).toEqual(args.map((arg) => Buffer.from(arg)));
      }),
    );
  });

  it('ends where the next one starts', () => {
    const bytes = Buffer.concat([
      encode([Buffer.from('PING')]),
      Buffer.from('*1\r\n$4\r\nQUIT\r\n'),
    ]);
    const scan = newScan();
    expect(scan.scan(bytes, 0, bytes.length)).toBe(true);
    expect(scan.bytes).toBe(14);
    scan.reset();
    expect(scan.scan(bytes, 14, bytes.length)).toBe(true);
    expect(argumentsOf(scan, bytes, 14).map(String)).toEqual(['QUIT']);
  });

  it('may be empty', () => {
    for (const text of ['*0\r\n', '*-1\r\n']) {
      const scan = newScan();
      expect(scan.scan(Buffer.from(text), 0, text.length)).toBe(true);
      expect([scan.count, scan.bytes]).toEqual([0, text.length]);
    }
  });

  it('has few arguments, unless it may name many channels', () => {
    const many = Array.from({ length: 40 }, (_, index) => Buffer.from(`c${index}`));
    many[0] = Buffer.from('Subscribe');
    const bytes = encode(many);
    expect(newScan().scan(bytes, 0, bytes.length)).toBe(true);
    many[0] = Buffer.from('PING');
    expect(refusal(encode(many).toString('latin1'))).toBe(
      'Protocol error: invalid multibulk length',
    );
  });
});

describe('what is refused, in the words of Redis', () => {
  it.each([
    ['*x\r\n', 'Protocol error: invalid multibulk length'],
    ['*41\r\n', 'Protocol error: invalid multibulk length'],
    ['*99999999999999999999\r\n', 'Protocol error: invalid multibulk length'],
    [`*${'1'.repeat(64)}`, 'Protocol error: too big mbulk count string'],
    ['*1\r\nPING\r\n', "Protocol error: expected '$', got 'P'"],
    ['*1\r\n\x01', "Protocol error: expected '$', got '?'"],
    ['*1\r\n$-1\r\n', 'Protocol error: invalid bulk length'],
    ['*1\r\n$1001\r\n', 'Protocol error: invalid bulk length'],
    [`*1\r\n$${'1'.repeat(64)}`, 'Protocol error: too big bulk count string'],
    ['*1\r\n$4\r\nPINGxx', 'Protocol error: expected CRLF behind a bulk of its announced length'],
  ])('%j', (text, message) => {
    expect(refusal(text)).toBe(message);
  });

  it('a command that is too large as a whole', () => {
    const args = Array.from({ length: 4 }, () => Buffer.alloc(900));
    expect(refusal(encode(args).toString('latin1'))).toBe('Protocol error: invalid bulk length');
  });

  it('never anything but a protocol error, whatever comes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const buffer = Buffer.concat([Buffer.from('*'), bytes]);
        try {
          newScan().scan(buffer, 0, buffer.length);
        } catch (error: unknown) {
          expect(error).toBeInstanceOf(RespError);
        }
      }),
    );
  });
});

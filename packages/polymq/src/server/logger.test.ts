import pino from 'pino';
import { describe, expect, it } from 'vitest';
import { jsonLogger, TextLogger } from './logger.ts';

class Lines {
  readonly lines: string[] = [];
  write(line: string): void {
    this.lines.push(line);
  }
}

const forged = 'x\r\n2026-01-01T00:00:00Z error all is lost';

describe('TextLogger', () => {
  it('keeps every entry on one line, whatever a peer put into it', () => {
    const sink = new Lines();
    new TextLogger('info', sink).warn({ clientId: forged, error: new Error(forged) }, 'closed');
    expect(sink.lines).toHaveLength(1);
    expect(sink.lines[0]!.match(/[\r\n]/g)).toEqual(['\n']);
    expect(sink.lines[0]).toContain('\\r\\n');
  });

  it('leaves out what is less important than the level, and adds the fields of its parents', () => {
    const sink = new Lines();
    const logger = new TextLogger('warn', sink).child({ protocol: 'kafka' });
    logger.info({}, 'hidden');
    logger.error({ peer: '10.0.0.7:4000' }, 'shown');
    expect(sink.lines.join('')).toMatch(
      /^\S+Z error shown protocol=kafka peer=10\.0\.0\.7:4000\n$/,
    );
  });

  it('writes the cause of an error', () => {
    const sink = new Lines();
    new TextLogger('info', sink).error({ error: new Error('a', { cause: new Error('b') }) }, 'm');
    expect(sink.lines[0]).toContain('caused by Error: b');
  });
});

describe('jsonLogger', () => {
  it('writes one JSON object per line with level, time, message and fields', () => {
    const sink = new Lines();
    jsonLogger(pino, 'info', sink)
      .child({ protocol: 'kafka' })
      .warn({ clientId: forged }, 'closed');
    expect(sink.lines).toHaveLength(1);
    expect(sink.lines[0]!.match(/[\r\n]/g)).toEqual(['\n']);
    const entry = JSON.parse(sink.lines[0]!) as Record<string, unknown>;
    expect(entry).toMatchObject({
      level: 'warn',
      msg: 'closed',
      protocol: 'kafka',
      clientId: forged,
    });
    expect(entry['time']).toMatch(/^\d{4}-.*Z$/);
  });

  it('writes the stack of an error', () => {
    const sink = new Lines();
    jsonLogger(pino, 'info', sink).error({ error: new Error('disk gone') }, 'failed');
    const entry = JSON.parse(sink.lines[0]!) as { error: { message: string; stack: string } };
    expect(entry.error.message).toBe('disk gone');
    expect(entry.error.stack).toContain('logger.test.ts');
  });
});

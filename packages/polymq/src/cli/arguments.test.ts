import { describe, expect, it } from 'vitest';
import { parseArguments } from './arguments.ts';
import { COMMANDS } from './commands.ts';
import { helpText } from './help.ts';
import { UsageError } from './usage.ts';

function runOf(...args: string[]) {
  const parsed = parseArguments(args);
  if (parsed.kind !== 'run') throw new Error(`parsed as ${parsed.kind}`);
  return { name: parsed.command.name, ...parsed.invocation };
}

describe('parseArguments', () => {
  it('takes values after a blank or an equals sign, and a list flag several times', () => {
    const { name, flags } = runOf(
      ...['serve', '--data', '/srv', '--listen=kafka://127.0.0.1:0', '--listen', 'http://[::1]:0'],
    );
    expect(name).toBe('serve');
    expect(Object.fromEntries(flags)).toEqual({
      data: ['/srv'],
      listen: ['kafka://127.0.0.1:0', 'http://[::1]:0'],
    });
  });

  it('takes a switch alone, with a value, and negated', () => {
    const flag = 'streams-auto-create';
    expect(runOf('serve', `--${flag}`).flags.get(flag)).toEqual(['true']);
    expect(runOf('serve', `--${flag}=false`).flags.get(flag)).toEqual(['false']);
    expect(runOf('serve', `--no-${flag}`).flags.get(flag)).toEqual(['false']);
  });

  it('takes a negative number as a value', () => {
    expect(
      runOf('serve', '--streams-retention-ms', '-1').flags.get('streams-retention-ms'),
    ).toEqual(['-1']);
  });

  it('knows commands of two words, with flags before or after', () => {
    expect(runOf('config', 'print', '--effective').switches.has('effective')).toBe(true);
    expect(runOf('--data', 'memory:', 'config', 'print').name).toBe('config print');
  });

  it.each([
    [['serv'], 'unknown command "serv"; did you mean "serve"?'],
    [['config', 'prin'], 'unknown command "config prin"; did you mean "config print"?'],
    [['serve', '--dta', '/srv'], 'unknown flag --dta; did you mean "--data"?'],
    [['serve', '--effective'], 'unknown flag --effective'],
    [['serve', '-x'], 'unknown flag -x'],
    [['serve', '/srv'], 'polymq serve takes flags only, not "/srv"'],
    [['serve', '--data'], 'flag --data needs a value'],
    [['serve', '--data', '--log-level'], 'flag --data needs a value'],
    [['serve', '--no-streams-auto-create=1'], 'takes no value'],
    [['config', 'print', '--effective=1'], 'flag --effective takes no value'],
    [[], 'say what to do: polymq serve'],
  ])('refuses %j', (args, message) => {
    expect(() => parseArguments(args)).toThrow(UsageError);
    expect(() => parseArguments(args)).toThrow(message);
  });

  it('asks for help or the version wherever the flag stands', () => {
    expect(parseArguments(['--help'])).toEqual({ kind: 'help', command: undefined });
    expect(parseArguments(['serve', '-h'])).toMatchObject({ command: { name: 'serve' } });
    expect(parseArguments(['serve', '--version'])).toEqual({ kind: 'version' });
  });
});

describe('helpText', () => {
  it('names every command, and every setting after a command', () => {
    for (const { name } of COMMANDS) expect(helpText(undefined)).toContain(`polymq ${name}`);
    expect(helpText(COMMANDS[0])).toContain('--groups-session-timeout-ms-max');
    expect(helpText(undefined)).not.toContain('--groups-session-timeout-ms-max');
  });
});

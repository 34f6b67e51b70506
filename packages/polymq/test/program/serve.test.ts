/** The program as a person runs it: what it prints, how it ends, what it refuses. */
import { createServer, type Server } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { type Polymq, runPolymq, startPolymq } from '../support/polymq.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const running: Polymq[] = [];

afterEach(async () => {
  for (const polymq of running.splice(0)) await polymq.kill9();
});

async function start(options: Parameters<typeof startPolymq>[0]): Promise<Polymq> {
  const polymq = await startPolymq(options);
  running.push(polymq);
  return polymq;
}

/** Holds a port; resolves with `undefined` if somebody else does, which is as good. */
async function holdPort(port: number): Promise<Server | undefined> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(undefined));
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}

describe('polymq serve', () => {
  it('prints a line per listener and then that it is ready, and nothing else', async () => {
    const polymq = await start({ data: 'memory:' });
    const listening = ['kafka', 'amqp', 'aws', 'redis', 'mqtt', 'stomp', 'http']
      .map((scheme) => `listening ${scheme}://127\\.0\\.0\\.1:\\d+\\n`)
      .join('');
    expect(polymq.stdout).toMatch(new RegExp(`^${listening}ready in \\d+ ms\\n$`));
    const response = await fetch(`http://127.0.0.1:${polymq.port('http')}/health/ready`);
    expect(response.status).toBe(200);
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('ends with exit code 0 on %s', async (signal) => {
    const folder = temporaryFolder();
    const polymq = await start({ data: folder.path });
    polymq.signal(signal);
    expect(await polymq.exited).toEqual({ code: 0, signal: null });
    expect(polymq.stderr).toContain('stopped');
    // A clean stop leaves a directory that the next start takes at once.
    await (await start({ data: folder.path })).stop();
    folder.remove();
  });

  it('logs JSON lines on standard error when nobody looks', async () => {
    const polymq = await start({ data: 'memory:', args: ['--log-level', 'debug'] });
    await polymq.stop();
    const lines = polymq.stderr.trim().split('\n');
    expect(lines.length).toBeGreaterThan(1);
    for (const line of lines) expect(JSON.parse(line)).toHaveProperty('level');
  });

  it('skips a usual port that is taken, and says how to choose another', async () => {
    const held = await holdPort(15_672);
    const polymq = await start({ data: 'memory:', listen: [] }).catch((error: Error) => error);
    const output = polymq instanceof Error ? polymq.message : polymq.stdout;
    held?.close();
    // Where that of Kafka is taken too, there is nothing to serve on, which is an error.
    expect(output).toMatch(
      /^skipped http:\/\/127\.0\.0\.1:15672: the port is in use.*--listen http:|the usual ports are in use/m,
    );
  });

  it('refuses a port that was asked for and is taken: exit code 1, port and flag named', async () => {
    const first = await start({ data: 'memory:' });
    const url = `kafka://127.0.0.1:${first.port('kafka')}`;
    const outcome = await runPolymq(['serve', '--data', 'memory:', '--listen', url]);
    expect(outcome.code).toBe(1);
    expect(outcome.stdout).toBe('');
    expect(outcome.stderr).toContain(`port ${first.port('kafka')} on 127.0.0.1 is in use`);
    expect(outcome.stderr).toContain(`--listen ${url}`);
  });

  it('refuses a data directory that another process has, and names that process', async () => {
    const folder = temporaryFolder();
    const first = await start({ data: folder.path });
    const args = ['serve', '--data', folder.path, '--listen', 'kafka://127.0.0.1:0'];
    const outcome = await runPolymq(args);
    expect(outcome.code).toBe(1);
    expect(outcome.stderr).toContain(`directory ${folder.path} is in use by process ${first.pid}`);
    await first.stop();
    folder.remove();
  });

  it.each([
    [['serve', '--dta', 'x'], {}, 'unknown flag --dta; did you mean "--data"?'],
    [['serv'], {}, 'unknown command "serv"; did you mean "serve"?'],
    [['serve', '--node-id', 'x'], {}, 'flag --node-id: must be a whole number, not "x"'],
    [['serve', '--listen', 'kafak://127.0.0.1:0'], {}, 'did you mean "kafka"?'],
    [
      ['serve'],
      { POLYMQ_LOG__LEVLE: 'info' },
      'unknown environment variable POLYMQ_LOG__LEVLE; did you mean "POLYMQ_LOG__LEVEL"?',
    ],
    [['serve', '--config', '/nowhere.yaml'], {}, 'file /nowhere.yaml: '],
  ])('refuses %j with exit code 2', async (args, env, message) => {
    const outcome = await runPolymq(args, { env });
    expect([outcome.code, outcome.stdout]).toEqual([2, '']);
    expect(outcome.stderr).toContain(message);
  });
});

describe('polymq dev', () => {
  it('keeps everything in memory and prints the variables that programs read', async () => {
    const folder = temporaryFolder();
    const polymq = await start({ command: 'dev', data: folder.path });
    await expect.poll(() => polymq.stdout).toContain('export KAFKA_BROKERS=127.0.0.1:');
    expect(polymq.stdout).toContain('export AMQP_URL=amqp://guest:guest@127.0.0.1:');
    expect(polymq.stdout).toContain('export AWS_ENDPOINT_URL_SQS=http://127.0.0.1:');
    expect(polymq.stdout).toContain('export REDIS_URL=redis://127.0.0.1:');
    expect(polymq.stdout).toContain('export MQTT_URL=mqtt://127.0.0.1:');
    expect(polymq.stdout).toContain('export STOMP_URL=stomp://guest:guest@127.0.0.1:');
    expect(polymq.stdout).toContain(`export KAFKA_BROKERS=127.0.0.1:${polymq.port('kafka')}\n`);
    // Even where the usual ports are taken: it then picks others.
    const held = [await holdPort(9_092), await holdPort(15_672)];
    const second = await start({ command: 'dev', listen: [] });
    expect(second.stdout).not.toContain('skipped');
    expect(second.port('kafka')).not.toBe(9_092);
    for (const server of held) server?.close();
    const metrics = await fetch(`http://127.0.0.1:${polymq.port('http')}/metrics`);
    expect(await metrics.text()).not.toContain('polymq_disk_free_bytes');
    folder.remove();
  });
});

describe('polymq config print', () => {
  it('prints a file that it takes itself, and where each value comes from', async () => {
    const outcome = await runPolymq(['config', 'print', '--effective', '--node-id', '7'], {
      env: { POLYMQ_LOG__LEVEL: 'warn' },
    });
    expect(outcome.code).toBe(0);
    expect(outcome.stdout).toContain('nodeId: 7  # flag --node-id\n');
    expect(outcome.stdout).toContain('  level: "warn"  # environment variable POLYMQ_LOG__LEVEL\n');
  });
});

describe('polymq --help and --version', () => {
  it('end with exit code 0', async () => {
    const help = await runPolymq(['--help']);
    expect([help.code, help.stderr]).toEqual([0, '']);
    expect(help.stdout).toContain('polymq serve');
    const version = await runPolymq(['--version']);
    expect(version.stdout).toMatch(/^polymq \d+\.\d+\.\d+\n$/);
  });
});

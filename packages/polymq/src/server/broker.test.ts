import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kafka } from 'kafkajs';
import { afterEach, describe, expect, it } from 'vitest';
import { METRICS } from '../admin/metric-table.ts';
import { startBroker } from '../index.ts';
import { createNodeEnvironment } from '../lib/environment/node/node-environment.ts';
import type { BrokerOptions, RunningBroker } from './broker.ts';

const started: { stop(): unknown }[] = [];

afterEach(async () => {
  for (const part of started.splice(0).reverse()) await part.stop();
});

async function start(options: BrokerOptions = {}): Promise<RunningBroker> {
  const broker = await startBroker({
    data: 'memory:',
    listen: ['kafka://127.0.0.1:0', 'http://127.0.0.1:0'],
    ...options,
  });
  started.push(broker);
  return broker;
}

function get(broker: RunningBroker, path: string): Promise<Response> {
  return fetch(`http://127.0.0.1:${broker.listener('http').port}${path}`);
}

/** Another program that holds a port. */
async function holdPort(): Promise<{ port: number }> {
  const server: Server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  started.push({ stop: () => new Promise((resolve) => server.close(resolve)) });
  return server.address() as { port: number };
}

describe('startBroker', () => {
  it('says where it listens, in the order asked for, and is ready', async () => {
    const broker = await start();
    expect(broker.state).toBe('running');
    expect(broker.listeners.map(({ protocol }) => protocol)).toEqual(['kafka', 'http']);
    for (const { url, protocol, port } of broker.listeners) {
      expect(url).toBe(`${protocol}://127.0.0.1:${port}`);
    }
    expect(() => broker.listener('mqtt')).toThrow('no mqtt:// listener');
    const ready = await get(broker, '/health/ready');
    expect([ready.status, await ready.json()]).toEqual([200, { status: 'ready' }]);
  });

  it('refuses options that do not exist, before it opens anything', async () => {
    const options = { data: 'memory:', dta: 'x' } as BrokerOptions;
    await expect(startBroker(options)).rejects.toThrow('unknown setting dta; did you mean "data"?');
  });

  it('answers nobody after a stop, and may be stopped twice', async () => {
    const broker = await start();
    await Promise.all([broker.stop(), broker.stop()]);
    expect(broker.state).toBe('stopped');
    await expect(get(broker, '/health/live')).rejects.toThrow('fetch failed');
  });

  it('names port and flag when a port that was asked for is taken, and leaves nothing running', async () => {
    const { port } = await holdPort();
    const folder = mkdtempSync(join(tmpdir(), 'polymq-broker-'));
    started.push({ stop: () => rmSync(folder, { recursive: true }) });
    const listen = ['http://127.0.0.1:0', `kafka://127.0.0.1:${port}`];
    await expect(start({ data: folder, listen })).rejects.toThrow(
      new RegExp(`port ${port} on 127.0.0.1 is in use.*--listen kafka://127.0.0.1:${port}`),
    );
    // The data directory is free again: the first start has let go of it.
    await start({ data: folder });
  });

  it('refuses a data directory that a running broker has', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'polymq-broker-'));
    started.push({ stop: () => rmSync(folder, { recursive: true }) });
    await start({ data: folder });
    await expect(start({ data: folder })).rejects.toThrow(`directory ${folder} is in use`);
  });

  it('says which data directory it cannot use, and what to do', async () => {
    const data = join(import.meta.filename, 'below-a-file');
    await expect(start({ data })).rejects.toThrow(/^data directory .* cannot be used .*--data/);
  });

  it('keeps its cluster id over a restart, and takes the one that is set', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'polymq-broker-'));
    const idOf = async (broker: RunningBroker): Promise<string | undefined> => {
      const text = await (await get(broker, '/metrics')).text();
      await broker.stop();
      return /cluster_id="([^"]*)"/.exec(text)?.[1];
    };
    const first = await idOf(await start({ data: folder }));
    expect(first).toMatch(/^[\w-]{22}$/);
    expect(await idOf(await start({ data: folder }))).toBe(first);
    expect(await idOf(await start({ data: folder, clusterId: 'mine' }))).toBe('mine');
    rmSync(folder, { recursive: true });
  });
});

describe('the HTTP listener', () => {
  it('shows metrics that are all in the table, with types', async () => {
    const broker = await start();
    const response = await get(broker, '/metrics');
    expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    const text = await response.text();
    const names = Array.from(text.matchAll(/^# TYPE (polymq_\w+) (\w+)$/gm), ([, name, type]) => {
      expect(METRICS[name!]?.type).toBe(type);
      return name;
    });
    expect(names).toContain('polymq_log_sync_seconds');
    expect(names).toContain('polymq_event_loop_delay_seconds');
    expect(text).toContain('\npolymq_connections{protocol="kafka"} 0\n');
    expect(text).toContain('\npolymq_ready 1\n');
    expect(text).toMatch(/\nprocess_resident_memory_bytes \d+\n/);
  });

  it('counts what goes over the connections of a protocol', async () => {
    const broker = await start();
    const client = new Socket();
    const { port } = broker.listener('kafka');
    await new Promise<void>((resolve) => client.connect(port, '127.0.0.1', resolve));
    // A frame that claims more than is allowed: counted, answered with the end of the connection.
    client.resume();
    const closed = new Promise((resolve) => client.once('close', resolve));
    client.write(Buffer.from([0x7f, 0xff, 0xff, 0xff]));
    await closed;
    const text = await (await get(broker, '/metrics')).text();
    expect(text).toContain('\npolymq_received_bytes_total{protocol="kafka"} 4\n');
    expect(text).toContain('\npolymq_protocol_errors_total{protocol="kafka"} 1\n');
  });

  it('says what there is when asked for what is not', async () => {
    const broker = await start();
    const response = await get(broker, '/helth');
    expect(response.status).toBe(404);
    const { error } = (await response.json()) as { error: { code: string; message: string } };
    expect(error.code).toBe('not-found');
    expect(error.message).toContain('/health/ready');
  });
});

describe('a storage error', () => {
  it('is told to whoever runs the broker, and ends its being ready', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'polymq-broker-'));
    started.push({ stop: () => rmSync(folder, { recursive: true }) });
    const environment = createNodeEnvironment();
    const { disk } = environment;
    const open = disk.open.bind(disk);
    let broken = false;
    disk.open = async (path, options) => {
      const file = await open(path, options);
      const datasync = file.datasync.bind(file);
      file.datasync = () => (broken ? Promise.reject(new Error('EIO: i/o error')) : datasync());
      return file;
    };
    const broker = await startBroker({
      data: folder,
      listen: ['kafka://127.0.0.1:0', 'http://127.0.0.1:0'],
      environment,
    });
    started.push({ stop: () => broker.stop().catch(() => undefined) });
    broken = true;
    const producer = new Kafka({
      brokers: [broker.listener('kafka').url.slice('kafka://'.length)],
      logLevel: 0,
      retry: { retries: 0 },
    }).producer();
    await producer.connect();
    // Creating the topic needs a commit of the meta log, which now fails.
    const sent = producer.send({ topic: 'a', messages: [{ value: 'x' }] });
    await expect(sent).rejects.toThrow();
    await producer.disconnect();
    expect((await broker.failed).message).toMatch(/^log ".*" has stopped after a storage error/);
    const ready = await get(broker, '/health/ready');
    expect(ready.status).toBe(503);
    expect(await ready.text()).toContain('has stopped after a storage error');
  });
});

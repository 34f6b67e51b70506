/** Debian's mosquitto-clients (on libmosquitto, a client in C) against the broker. */
import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Child, startChild } from '../support/child.ts';
import { MQTT_PEER_IS_POLYMQ, type MqttPeer, startMqttPeer } from './mqtt-peer.ts';
import { uniqueName } from './peer.ts';

const INSTALLED = !spawnSync('mosquitto_pub', ['--help']).error;
const VERSIONS = ['mqttv31', 'mqttv311', 'mqttv5'] as const;

// `npm test` installs mosquitto-clients where it may; elsewhere: apt-get install mosquitto-clients.
describe.skipIf(!INSTALLED)('mosquitto-clients', () => {
  let peer: MqttPeer;

  beforeAll(async () => {
    peer = await startMqttPeer();
  });
  afterAll(() => peer?.stop());

  const address = () => ['-h', peer.host, '-p', String(peer.port)];

  /** Runs a program to its end. */
  async function run(
    tool: 'mosquitto_pub' | 'mosquitto_sub' | 'mosquitto_rr',
    args: readonly string[],
    input = '',
  ): Promise<{ code: number | null; stdout: string; stderr: string }> {
    const child = startChild({ name: tool, command: tool, args: [...address(), ...args], input });
    const timer = setTimeout(() => child.signal('SIGKILL'), 20_000);
    const { code } = await child.exited;
    clearTimeout(timer);
    return { code, stdout: child.stdout, stderr: child.stderr };
  }

  /** A subscriber that is subscribed. */
  async function subscribe(args: readonly string[]): Promise<Child> {
    const child = startChild({
      name: 'mosquitto_sub',
      // It keeps its lines to itself otherwise, unless it writes to a terminal.
      command: 'stdbuf',
      args: ['-oL', 'mosquitto_sub', ...address(), '-d', '-W', '20', ...args],
    });
    await child.waitForLine(/received SUBACK|Subscribed/, 10_000);
    return child;
  }

  const payloads = (child: { stdout: string }) =>
    child.stdout.split('\n').filter((line) => /^m\d+$/.test(line));

  test.each(VERSIONS)('publish and subscribe with every QoS: %s', async (version) => {
    const topic = uniqueName('tools');
    const subscriber = await subscribe(['-V', version, '-t', topic, '-q', '2', '-C', '9']);
    for (const qos of ['0', '1', '2']) {
      const args = ['-V', version, '-t', topic, '-q', qos, '-l'];
      expect(await run('mosquitto_pub', args, `m${qos}1\nm${qos}2\nm${qos}3\n`)).toMatchObject({
        code: 0,
        stderr: '',
      });
    }
    expect(await subscriber.exited).toMatchObject({ code: 0 });
    const sent = ['0', '1', '2'].flatMap((qos) => [`m${qos}1`, `m${qos}2`, `m${qos}3`]);
    expect(payloads(subscriber)).toEqual(sent);
  });

  test.each(VERSIONS)('keep what is retained, and sessions: %s', async (version) => {
    const topic = uniqueName('kept');
    const session = ['-V', version, '-i', uniqueName('s'), '-c', '-t', topic, '-q', '1'];
    if (version === 'mqttv5') session.push('-x', '60');
    expect(await run('mosquitto_sub', [...session, '-E'])).toMatchObject({ code: 0 });
    await run('mosquitto_pub', ['-t', topic, '-q', '1', '-m', 'm1', '-r']);
    await run('mosquitto_pub', ['-t', topic, '-q', '2', '-m', 'm2']);
    const late = await run('mosquitto_sub', ['-V', version, '-t', topic, '-C', '1', '-W', '5']);
    expect(late).toMatchObject({ code: 0, stdout: 'm1\n' });
    const back = await run('mosquitto_sub', [...session, '-C', '2', '-W', '5', '-R']);
    expect(back).toMatchObject({ code: 0, stdout: 'm1\nm2\n' });
    await run('mosquitto_pub', ['-t', topic, '-n', '-r']);
    const none = await run('mosquitto_sub', ['-V', version, '-t', topic, '-C', '1', '-W', '1']);
    expect(none.stdout).toBe('');
  });

  test('send wills', async () => {
    const topic = uniqueName('will');
    const watcher = await subscribe(['-t', topic, '-q', '1', '-C', '1']);
    const mortal = await subscribe([
      ...['-t', `${topic}/x`, '--will-topic', topic, '--will-payload', 'm7', '--will-qos', '1'],
    ]);
    await mortal.kill9();
    await watcher.exited;
    expect(payloads(watcher)).toEqual(['m7']);
  });

  test('show the properties of MQTT 5', async () => {
    const topic = uniqueName('properties');
    const format = '%t|%p|%q|%C|%R|%D|%P|%F|%E';
    const subscriber = await subscribe([
      ...['-V', 'mqttv5', '-t', topic, '-q', '1', '-C', '1', '-F', format],
      ...['-D', 'subscribe', 'subscription-identifier', '17'],
    ]);
    await run('mosquitto_pub', [
      ...['-V', 'mqttv5', '-t', topic, '-q', '1', '-m', 'payload'],
      ...['-D', 'publish', 'content-type', 'text/plain'],
      ...['-D', 'publish', 'response-topic', 'r/t'],
      ...['-D', 'publish', 'correlation-data', 'c1'],
      ...['-D', 'publish', 'payload-format-indicator', '1'],
      ...['-D', 'publish', 'message-expiry-interval', '100'],
      ...['-D', 'publish', 'user-property', 'a', '1'],
      ...['-D', 'publish', 'user-property', 'a', '2'],
    ]);
    await subscriber.exited;
    expect(subscriber.stdout).toMatch(
      new RegExp(`${topic}\\|payload\\|1\\|text/plain\\|r/t\\|c1\\|a:1 a:2\\|1\\|(?:100|99)`),
    );
  });

  test('share a subscription', async () => {
    const topic = uniqueName('shared');
    const filter = `$share/g/${topic}`;
    const members = await Promise.all(
      [1, 2].map(() => subscribe(['-V', 'mqttv5', '-t', filter, '-q', '1'])),
    );
    const lines = Array.from({ length: 40 }, (_, index) => `m${index}`);
    await run('mosquitto_pub', ['-t', topic, '-q', '1', '-l'], `${lines.join('\n')}\n`);
    await run('mosquitto_pub', ['-t', topic, '-q', '1', '-l'], 'm100\nm101\nm102\nm103\n');
    for (const member of members) await member.stop();
    const got = members.map((member) => payloads(member));
    expect(got.flat().sort()).toEqual([...lines, 'm100', 'm101', 'm102', 'm103'].sort());
    for (const part of got) expect(part.length).toBeGreaterThan(0);
  });

  test('ask and get an answer', async () => {
    const topic = uniqueName('rr');
    const answerer = await subscribe(['-V', 'mqttv5', '-t', topic, '-C', '1', '-F', '%R']);
    const asking = run('mosquitto_rr', [
      ...['-V', 'mqttv5', '-t', topic, '-e', `${topic}/answer`, '-m', 'question', '-W', '10'],
    ]);
    await answerer.exited;
    expect(answerer.stdout).toContain(`${topic}/answer`);
    await run('mosquitto_pub', ['-t', `${topic}/answer`, '-q', '1', '-m', 'm42']);
    expect(await asking).toMatchObject({ code: 0, stdout: 'm42\n' });
  });

  test('see what the broker tells about itself', async () => {
    const args = ['-t', '$SYS/broker/version', '-C', '1', '-W', '5'];
    const { stdout } = await run('mosquitto_sub', args);
    expect(stdout).toMatch(MQTT_PEER_IS_POLYMQ ? /PolyMQ/i : /mosquitto/);
  });
});

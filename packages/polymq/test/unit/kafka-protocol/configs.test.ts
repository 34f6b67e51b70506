import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningBroker, startBroker } from '../../../src/index.ts';
import { createTopics } from '../../../src/protocols/kafka/schema/19-create-topics.ts';
import { describeConfigs } from '../../../src/protocols/kafka/schema/32-describe-configs.ts';
import { alterConfigs } from '../../../src/protocols/kafka/schema/33-alter-configs.ts';
import { incrementalAlterConfigs } from '../../../src/protocols/kafka/schema/44-incremental-alter-configs.ts';
import { KafkaWire } from '../../support/kafka-wire.ts';

const TOPIC = 2;
const BROKER = 4;
const SET = 0;
const DELETE = 1;
const INVALID_CONFIG = 40;
const SOURCE = { topic: 1, dynamicBroker: 3, staticBroker: 4, default: 5 };

let broker: RunningBroker;
let wire: KafkaWire;

beforeAll(async () => {
  broker = await startBroker({ data: 'memory:', listen: ['kafka://127.0.0.1:0'] });
  wire = await KafkaWire.connect(broker.listener('kafka').port);
  await wire.request(createTopics, 7, {
    topics: [
      { name: 'plain', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] },
      {
        name: 'own',
        numPartitions: 1,
        replicationFactor: 1,
        assignments: [],
        configs: [{ name: 'retention.ms', value: '1234' }],
      },
    ],
    timeoutMs: 1000,
    validateOnly: false,
  });
});

afterAll(async () => {
  wire?.close();
  await broker?.stop();
});

async function describeOne(resourceType: number, resourceName: string, name: string) {
  const { results } = await wire.request(describeConfigs, 4, {
    resources: [{ resourceType, resourceName, configurationKeys: [name] }],
    includeSynonyms: false,
    includeDocumentation: false,
  });
  expect(results[0]!.errorCode).toBe(0);
  return results[0]!.configs[0]!;
}

async function alter(
  resourceType: number,
  resourceName: string,
  name: string,
  value: string | null,
): Promise<{ errorCode: number; errorMessage: string | null }> {
  const configOperation = value === null ? DELETE : SET;
  const { responses } = await wire.request(incrementalAlterConfigs, 1, {
    resources: [{ resourceType, resourceName, configs: [{ name, configOperation, value }] }],
    validateOnly: false,
  });
  return responses[0]!;
}

describe('settings over Kafka', () => {
  it('change a topic and go back to the default', async () => {
    await alter(TOPIC, 'plain', 'segment.bytes', '5000');
    expect(await describeOne(TOPIC, 'plain', 'segment.bytes')).toMatchObject({
      value: '5000',
      configSource: SOURCE.topic,
    });
    await alter(TOPIC, 'plain', 'segment.bytes', null);
    expect(await describeOne(TOPIC, 'plain', 'segment.bytes')).toMatchObject({
      value: String(256 * 1024 * 1024),
      configSource: SOURCE.default,
    });
  });

  it('of the broker are the defaults of topics that have none of their own', async () => {
    expect((await alter(BROKER, '1', 'log.retention.ms', '777')).errorCode).toBe(0);
    expect(await describeOne(BROKER, '1', 'log.retention.ms')).toMatchObject({
      value: '777',
      readOnly: false,
      configSource: SOURCE.dynamicBroker,
    });
    expect((await describeOne(TOPIC, 'plain', 'retention.ms')).value).toBe('777');
    expect((await describeOne(TOPIC, 'own', 'retention.ms')).value).toBe('1234');
    await alter(BROKER, '', 'log.retention.ms', null);
    expect((await describeOne(TOPIC, 'plain', 'retention.ms')).value).toBe('604800000');
  });

  it('of the broker that no topic inherits are shown, but not changed', async () => {
    expect(await describeOne(BROKER, '1', 'node.id')).toMatchObject({ value: '1', readOnly: true });
    const refused = await alter(BROKER, '1', 'node.id', '2');
    expect(refused.errorCode).toBe(INVALID_CONFIG);
    expect(refused.errorMessage).toMatch(/flag, environment or file/);
  });

  it('translate words where Kafka and the core differ', async () => {
    await alter(TOPIC, 'plain', 'message.timestamp.type', 'LogAppendTime');
    const described = await describeOne(TOPIC, 'plain', 'message.timestamp.type');
    expect(described.value).toBe('LogAppendTime');
    const refused = await alter(TOPIC, 'plain', 'message.timestamp.type', 'Whenever');
    expect(refused.errorMessage).toMatch(/CreateTime, LogAppendTime/);
    await alter(TOPIC, 'plain', 'message.timestamp.type', null);
  });

  it.each([
    ['cleanup.policy', 'compact', /not supported/],
    ['compression.type', 'gzip', /only producer/],
    ['retention.sm', '1', /unknown topic config/],
    ['retention.ms', 'soon', /integer/],
    ['retention.ms', '-2', /between/],
  ])('refuse %s=%s', async (name, value, reason) => {
    const refused = await alter(TOPIC, 'plain', name, value);
    expect(refused.errorCode).toBe(INVALID_CONFIG);
    expect(refused.errorMessage).toMatch(reason);
  });

  it('accept a knob without effect, as common tools set it', async () => {
    expect((await alter(TOPIC, 'plain', 'min.insync.replicas', '2')).errorCode).toBe(0);
  });

  it('that the older API does not name go back to their defaults', async () => {
    await alter(TOPIC, 'plain', 'segment.bytes', '5000');
    await wire.request(alterConfigs, 2, {
      resources: [
        {
          resourceType: TOPIC,
          resourceName: 'plain',
          configs: [{ name: 'segment.ms', value: '60000' }],
        },
      ],
      validateOnly: false,
    });
    expect((await describeOne(TOPIC, 'plain', 'segment.ms')).value).toBe('60000');
    expect((await describeOne(TOPIC, 'plain', 'segment.bytes')).configSource).toBe(SOURCE.default);
  });
});

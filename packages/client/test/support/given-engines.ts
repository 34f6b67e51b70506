/**
 * The engines themselves, in place of PolyMQ:
 *
 *   TEST_KAFKA=apache              Apache Kafka, started here (Java 17 and Maven, which fetches it once)
 *   TEST_KAFKA=HOST:PORT           one that runs
 *   TEST_SQS=elasticmq, =moto      emulators of AWS, started here (from Maven, from PyPI); ElasticMQ has queues only
 *   TEST_SQS=URL                   one that runs: LocalStack, AWS
 *
 * None of them is restarted or killed by the tests.
 */
import { startApacheKafka } from '../../../polymq/test/support/apache-kafka.ts';
import { startElasticmq, startMoto } from '../../../polymq/test/support/aws-emulators.ts';

export interface GivenEngine {
  readonly address: string;
  stop(): Promise<void>;
}

const KAFKA = process.env['TEST_KAFKA'];
const SQS = process.env['TEST_SQS'];

export const kafkaIsGiven: boolean = KAFKA !== undefined;

/** `HOST:PORT`. */
export async function givenKafka(): Promise<GivenEngine | undefined> {
  if (KAFKA !== 'apache') return asItIs(KAFKA);
  const kafka = await startApacheKafka({ config: { 'group.initial.rebalance.delay.ms': '0' } });
  return { address: `${kafka.host}:${kafka.port}`, stop: async () => void (await kafka.stop()) };
}

/** A URL. */
export async function givenSqs(): Promise<GivenEngine | undefined> {
  if (SQS !== 'elasticmq' && SQS !== 'moto') return asItIs(SQS);
  const emulator = await (SQS === 'moto' ? startMoto() : startElasticmq());
  return { address: `http://127.0.0.1:${emulator.port}`, stop: () => emulator.stop() };
}

function asItIs(address: string | undefined): GivenEngine | undefined {
  return address === undefined ? undefined : { address, stop: async () => {} };
}

/**
 * What `kafka://` URLs and their options say.
 *
 *   kafka://user:password@host1:9092,host2:9092?tls=true&mechanism=SCRAM-SHA-256
 */
import { PolymqError } from '../../errors.ts';

export interface KafkaOptions {
  /** `host:port`, in addition to the hosts of the URL. */
  readonly brokers?: readonly string[] | undefined;
  /** True, or options of `tls.connect`. */
  readonly tls?: boolean | object | undefined;
  /** As @platformatic/kafka has it; missing: user and password of the URL, by `mechanism`. */
  readonly sasl?: object | undefined;
  /** Of `sasl`. Missing: `PLAIN`. */
  readonly mechanism?: string | undefined;
  /** How many partitions a queue gets when it is created: so many processes can share its work. Missing: 4. */
  readonly queuePartitions?: number | undefined;
}

export interface KafkaAddress {
  readonly brokers: readonly string[];
  readonly tls: object | undefined;
  readonly sasl: object | undefined;
  readonly queuePartitions: number;
}

const PORT = 9092;
const QUEUE_PARTITIONS = 4;

/** Several hosts stand in the host part, separated by commas. */
export function kafkaAddress(url: URL, options: KafkaOptions = {}): KafkaAddress {
  const given = new Map(url.searchParams);
  const hosts = url.host === '' ? [] : decodeURIComponent(url.host).split(',');
  const brokers = [...hosts, ...(options.brokers ?? [])].map(withPort);
  if (brokers.length === 0) {
    throw new PolymqError('invalid-argument', 'kafka:// names no broker: kafka://HOST:PORT');
  }
  const tls = options.tls ?? (url.protocol === 'kafkas:' || given.get('tls') === 'true');
  const count = options.queuePartitions ?? Number(given.get('queuePartitions') ?? QUEUE_PARTITIONS);
  if (!Number.isInteger(count) || count < 1 || count > 1_000) {
    throw new PolymqError('invalid-argument', 'queuePartitions is a number from 1 to 1000');
  }
  return {
    brokers,
    tls: tls === false ? undefined : tls === true ? {} : tls,
    sasl: options.sasl ?? saslOf(url, options.mechanism ?? given.get('mechanism')),
    queuePartitions: count,
  };
}

function saslOf(url: URL, mechanism: string | undefined): object | undefined {
  if (url.username === '') return undefined;
  return {
    mechanism: mechanism ?? 'PLAIN',
    username: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
  };
}

function withPort(host: string): string {
  return /:\d+$/.test(host) ? host : `${host}:${PORT}`;
}

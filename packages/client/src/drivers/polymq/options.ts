import { UnsupportedError } from '../../errors.ts';
import type { AmqpOptions } from '../amqp/index.ts';

/**
 * What `connect('polymq://…', options)` takes beside its own. All three listeners are spoken to in the clear: it is for networks that
 * you trust, or for tunnels. User and password of the URL are those of the AMQP listener; the others ask for none.
 */
export interface PolymqOptions extends Omit<AmqpOptions, 'tls'> {
  /** Of the AMQP listener. Missing: what the URL says (`?amqp=PORT`, or the port of the host), else 5672. */
  amqpPort?: number;
  /** Of the Kafka listener, for stored topics. Missing: `?kafka=PORT`, else 9092. */
  kafkaPort?: number;
  /** Of the HTTP listener, to look into queues. Missing: `?http=PORT`, else 15672. */
  httpPort?: number;
}

/** Where the listeners of one server are. */
export interface PolymqAddress {
  readonly amqp: URL;
  readonly kafka: URL;
  readonly http: URL;
  /** '' is the first virtual host. */
  readonly namespace: string;
}

/**
 *   polymq://guest:guest@HOST/vhost?amqp=5672&kafka=9092&http=15672
 */
export function polymqAddress(url: URL, options: PolymqOptions): PolymqAddress {
  const asksForTls = 'tls' in options && options.tls !== undefined && options.tls !== false;
  if (asksForTls || (url.searchParams.get('tls') ?? 'false') !== 'false') {
    const advice =
      'leave out `tls`, and lead the connections through a tunnel or a private network';
    throw new UnsupportedError('polymq://', 'TLS', advice);
  }
  const host = url.hostname === '' ? '127.0.0.1' : url.hostname;
  const port = (name: string, given: number | undefined, missing: number): string =>
    url.searchParams.get(name) ?? String(given ?? missing);
  const login = url.username === '' ? '' : `${url.username}:${url.password}@`;
  const amqpMissing = url.port === '' ? 5672 : Number(url.port);
  const amqp = new URL(`amqp://${login}${host}:${port('amqp', options.amqpPort, amqpMissing)}`);
  amqp.pathname = url.pathname;
  const heartbeat = url.searchParams.get('heartbeat');
  if (heartbeat !== null) amqp.searchParams.set('heartbeat', heartbeat);
  const virtualHost = decodeURIComponent(url.pathname.replace(/^\//, ''));
  return {
    amqp,
    kafka: new URL(`kafka://${host}:${port('kafka', options.kafkaPort, 9092)}`),
    http: new URL(`http://${host}:${port('http', options.httpPort, 15_672)}`),
    namespace: virtualHost === '/' ? '' : virtualHost,
  };
}

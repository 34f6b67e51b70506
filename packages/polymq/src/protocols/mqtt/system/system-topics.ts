/**
 * What the broker says of itself below `$SYS`: a table of topics with the names that mosquitto made known, and how their values come
 * about. Values are text.
 */

/** What the server counts. What it does not count is not shown. */
export interface SystemFigures {
  /** Connections with a client. */
  clientsConnected?: number;
  /** Stored sessions without a connection. */
  clientsDisconnected?: number;
  /** Sessions that have ended because their clients stayed away. */
  clientsExpired?: number;
  /** CONNECT packets, and connections, since the start. */
  connects?: number;
  sockets?: number;
  /** Packets of any kind since the start. */
  packetsReceived?: number;
  packetsSent?: number;
  /** PUBLISH packets since the start, and the bytes of their payloads. */
  publishesReceived?: number;
  publishesSent?: number;
  publishesDropped?: number;
  publishBytesReceived?: number;
  publishBytesSent?: number;
  /** All bytes since the start. */
  bytesReceived?: number;
  bytesSent?: number;
  subscriptions?: number;
  sharedSubscriptions?: number;
}

/** What the broker knows itself. */
export interface BrokerFigures {
  version: string;
  uptimeS: number;
  /** The most clients seen at a time. */
  clientsMax: number;
  retainedCount: number;
}

export interface Figures extends SystemFigures, BrokerFigures {}

interface TopicRow {
  /** Behind `$SYS/broker/`. */
  readonly topic: string;
  readonly value: (figures: Figures) => number | string | undefined;
}

/** One row a topic, in the order in which they are published. */
export const SYSTEM_TOPICS: readonly TopicRow[] = [
  { topic: 'version', value: ({ version }) => `PolyMQ version ${version}` },
  { topic: 'uptime', value: ({ uptimeS }) => `${uptimeS} seconds` },
  { topic: 'clients/total', value: clientsTotal },
  { topic: 'clients/connected', value: ({ clientsConnected }) => clientsConnected },
  { topic: 'clients/active', value: ({ clientsConnected }) => clientsConnected },
  { topic: 'clients/disconnected', value: ({ clientsDisconnected }) => clientsDisconnected },
  { topic: 'clients/inactive', value: ({ clientsDisconnected }) => clientsDisconnected },
  { topic: 'clients/maximum', value: ({ clientsMax }) => clientsMax },
  { topic: 'clients/expired', value: ({ clientsExpired }) => clientsExpired },
  { topic: 'messages/received', value: ({ packetsReceived }) => packetsReceived },
  { topic: 'messages/sent', value: ({ packetsSent }) => packetsSent },
  { topic: 'publish/messages/received', value: ({ publishesReceived }) => publishesReceived },
  { topic: 'publish/messages/sent', value: ({ publishesSent }) => publishesSent },
  { topic: 'publish/messages/dropped', value: ({ publishesDropped }) => publishesDropped },
  { topic: 'publish/bytes/received', value: ({ publishBytesReceived }) => publishBytesReceived },
  { topic: 'publish/bytes/sent', value: ({ publishBytesSent }) => publishBytesSent },
  { topic: 'bytes/received', value: ({ bytesReceived }) => bytesReceived },
  { topic: 'bytes/sent', value: ({ bytesSent }) => bytesSent },
  { topic: 'subscriptions/count', value: ({ subscriptions }) => subscriptions },
  {
    topic: 'shared_subscriptions/count',
    value: ({ sharedSubscriptions }) => sharedSubscriptions,
  },
  { topic: 'retained messages/count', value: ({ retainedCount }) => retainedCount },
];

function clientsTotal(figures: SystemFigures): number | undefined {
  const { clientsConnected, clientsDisconnected } = figures;
  return clientsConnected === undefined ? undefined : clientsConnected + (clientsDisconnected ?? 0);
}

/** What of `$SYS/broker/load` there is: the name of the topic, and what is counted. Each has its `/1min`, `/5min` and `/15min`. */
export const LOAD_TOPICS: readonly {
  readonly topic: string;
  readonly count: keyof SystemFigures;
}[] = [
  { topic: 'load/messages/received', count: 'packetsReceived' },
  { topic: 'load/messages/sent', count: 'packetsSent' },
  { topic: 'load/publish/received', count: 'publishesReceived' },
  { topic: 'load/publish/sent', count: 'publishesSent' },
  { topic: 'load/publish/dropped', count: 'publishesDropped' },
  { topic: 'load/bytes/received', count: 'bytesReceived' },
  { topic: 'load/bytes/sent', count: 'bytesSent' },
  { topic: 'load/connections', count: 'connects' },
  { topic: 'load/sockets', count: 'sockets' },
];

/** The minutes over which loads are averaged. */
export const LOAD_MINUTES: readonly number[] = [1, 5, 15];

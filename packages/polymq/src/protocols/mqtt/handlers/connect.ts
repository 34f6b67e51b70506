/**
 * CONNECT: who it is, which session he comes to, what both sides may send.
 *
 *   checks ─► the client's turn (`Sessions.enter`) ─► connection of before ends ─► session: new, or taken up ─► will ─► CONNACK
 */
import { isLoopback } from '../../../net/loopback.ts';
import { TopicAliases } from '../aliases.ts';
import { type ConnectPacket, connack, MqttError, type Properties, REASON } from '../codec/index.ts';
import type { MqttConnection } from '../connection.ts';
import type { MqttSession } from '../session.ts';
import { NEVER_S } from '../session-document.ts';
import { grantedExpiryS } from '../session-expiry.ts';
import { repairQueue } from '../session-queue.ts';
import { topicFault } from '../topics.ts';

/** The session's queue has a name of 255 bytes at most. */
const CLIENT_ID_BYTES_MAX = 200;
const RECEIVE_MAX = 65_535;
/** Silence of one and a half keep-alives ends a connection [MQTT-3.1.2-22]. */
const SILENCE_MS_PER_S = 1_500;

export async function handleConnect(
  connection: MqttConnection,
  packet: ConnectPacket,
): Promise<void> {
  const { server } = connection;
  connection.version = packet.protocolVersion;
  check(connection, packet);
  const clientId = packet.clientId === '' ? assignClientId(connection, packet) : packet.clientId;
  const expiryS = grantedExpiryS(askedExpiryS(packet), server.options);
  const leave = await server.sessions.enter(clientId);
  try {
    await admit(connection, packet, clientId, expiryS);
  } finally {
    leave();
  }
}

function check(connection: MqttConnection, { properties, clientId, will }: ConnectPacket): void {
  const { authenticationMethod } = properties;
  if (authenticationMethod !== undefined) {
    const text = `the authentication method ${authenticationMethod} is not supported`;
    throw new MqttError('badAuthenticationMethod', text);
  }
  if (!isLoopback(connection.connection.remoteAddress)) {
    throw new MqttError('notAuthorized', 'clients are admitted from this machine only');
  }
  if (Buffer.byteLength(clientId) > CLIENT_ID_BYTES_MAX || clientId.includes('\0')) {
    const text = `a client id may have ${CLIENT_ID_BYTES_MAX} bytes`;
    throw new MqttError('clientIdNotValid', text);
  }
  if (will === undefined) return;
  const fault = topicFault(will.topic);
  if (fault !== undefined) throw new MqttError('topicNameInvalid', `of the will: ${fault}`);
  if (will.topic.startsWith('$SYS')) {
    throw new MqttError('notAuthorized', 'a will cannot be published below $SYS');
  }
}

/** A client without a name gets one, unless its session is to be found again by it [MQTT-3.1.3-8 of 3.1.1]. */
function assignClientId(
  { server }: MqttConnection,
  { protocolVersion, clean }: ConnectPacket,
): string {
  if (protocolVersion === 3 || (protocolVersion === 4 && !clean)) {
    throw new MqttError('clientIdNotValid', 'the client id is empty');
  }
  return `auto-${server.environment.random.uuid()}`;
}

/** 3.x has only: not at all, or for good. */
function askedExpiryS({ protocolVersion, clean, properties }: ConnectPacket): number {
  if (protocolVersion === 5) return properties.sessionExpiryS ?? 0;
  return clean ? 0 : NEVER_S;
}

/** Within the client's turn. */
async function admit(
  connection: MqttConnection,
  packet: ConnectPacket,
  clientId: string,
  expiryS: number,
): Promise<void> {
  const { server } = connection;
  const { sessions, wills } = server;
  const before = await sessionOfBefore(connection, clientId, packet.clean);
  const session = before ?? (await sessions.create(clientId, expiryS));
  const resumed = before !== undefined;
  try {
    if (resumed) {
      await sessions.resume(session, expiryS);
      await repairQueue(session);
    }
    const sessionExpiryS = Math.min(expiryS, NEVER_S);
    await wills.connect({ clientId, will: packet.will, sessionExpiryS, resumed });
    if (!connection.closed) open(connection, packet, session, resumed);
    // It has gone before it was let in, so it has left no will.
    else wills.disarm(clientId);
  } finally {
    sessions.abandon(session);
  }
}

/** The session to take up; undefined if there is none any more. */
async function sessionOfBefore(
  connection: MqttConnection,
  clientId: string,
  clean: boolean,
): Promise<MqttSession | undefined> {
  const { sessions } = connection.server;
  const before = sessions.get(clientId);
  if (before === undefined) return undefined;
  const text = `the client id ${clientId} has connected again`;
  before.connection?.close('sessionTakenOver', text, 'takenOver');
  await before.working;
  if (!clean && before.ending === undefined) return before;
  await sessions.end(before);
  return undefined;
}

function open(
  connection: MqttConnection,
  packet: ConnectPacket,
  session: MqttSession,
  isResumed: boolean,
): void {
  const { server } = connection;
  const { inflightMax, keepAliveMaxS, topicAliasMax } = server.options;
  const {
    receiveMax = RECEIVE_MAX,
    topicAliasMax: aliases = 0,
    packetBytesMax,
  } = packet.properties;
  const { keepAliveS } = packet;
  const watchedS = keepAliveS === 0 ? keepAliveMaxS : Math.min(keepAliveS, keepAliveMaxS);
  connection.silenceMsMax = watchedS * SILENCE_MS_PER_S;
  connection.window = Math.min(receiveMax, inflightMax);
  if (packetBytesMax !== undefined) connection.packetBytesMax = packetBytesMax;
  if (aliases > 0 && topicAliasMax > 0) {
    connection.aliasesOut = new TopicAliases(Math.min(aliases, topicAliasMax));
  }
  connection.session = session;
  connection.resumed = isResumed;
  session.connection = connection;
  connection.state = 'running';
  connection.connection.greet();
  const properties = answerOf(packet, session, server.options, watchedS);
  const options = { properties, packetBytesMax };
  connection.send(connack(connection.version, isResumed, REASON.success, options));
  server.connected.value += 1;
  session.attach();
}

/** What the server has decided otherwise than the client has asked, and what it takes. */
function answerOf(
  packet: ConnectPacket,
  session: MqttSession,
  { inflightMax, packetBytesMax, topicAliasMax }: MqttConnection['server']['options'],
  watchedS: number,
): Properties<'connack'> {
  const expiryS = Math.min(session.expiryS, NEVER_S);
  return {
    ...(expiryS === (packet.properties.sessionExpiryS ?? 0) ? {} : { sessionExpiryS: expiryS }),
    ...(packet.clientId === '' ? { assignedClientId: session.clientId } : {}),
    ...(watchedS === packet.keepAliveS ? {} : { serverKeepAliveS: watchedS }),
    ...(inflightMax === RECEIVE_MAX ? {} : { receiveMax: inflightMax }),
    ...(topicAliasMax === 0 ? {} : { topicAliasMax }),
    packetBytesMax,
  };
}

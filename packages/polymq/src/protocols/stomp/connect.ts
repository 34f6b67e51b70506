/**
 * CONNECT and STOMP: which version is spoken, who it is, which virtual host, how often signs of life are exchanged.
 *
 *   client: heart-beat:CX,CY     it can send every CX ms, and wants something every CY ms; 0: cannot, does not want
 *   broker: heart-beat:SX,SY     sends every SX ≥ CY, expects something every SY ≥ CX, in whole seconds as RabbitMQ
 */
import { isLoopback } from '../../net/loopback.ts';
import type { Version } from './codec/escaping.ts';
import { StompError } from './codec/stomp-error.ts';
import { connectedFrame, SUPPORTED_VERSIONS } from './codec/write-frame.ts';
import type { Headers } from './queue-declaration.ts';
import type { StompSession } from './session.ts';

const GUEST = 'guest';
const SESSION_BYTES = 16;
const VERSIONS: readonly Version[] = ['1.2', '1.1', '1.0'];
/** The RabbitMQ whose behaviour is offered: some clients decide by it what they may use. */
const SPOKEN_VERSION = '4.0.0';
const HEART_BEAT = /^\s*(\d{1,9})\s*,\s*(\d{1,9})\s*$/;

/** The best version that both speak. A client that names none speaks 1.0. */
export function negotiatedVersion(acceptVersion = '1.0'): Version {
  const accepted = acceptVersion.split(',').map((version) => version.trim());
  const version = VERSIONS.find((candidate) => accepted.includes(candidate));
  if (version !== undefined) return version;
  throw new StompError('Version mismatch', `Supported versions are ${SUPPORTED_VERSIONS}\n`);
}

/** The session's version is negotiated. Throws if the client may not come in. */
export function connect(session: StompSession, headers: Headers): void {
  const { server } = session;
  session.user = admittedUser(session, headers);
  session.vhost = vhostOf(server.options.vhosts, headers.get('host') ?? '/');
  session.namespace = session.vhost === '/' ? '' : session.vhost;
  const [sendMs, receiveMs] = heartBeats(headers.get('heart-beat'), server.options.heartbeatMs);
  const random = server.environment.random.bytes(SESSION_BYTES).toString('base64url');
  session.sessionId = `session-${random}`;
  session.connected(sendMs, receiveMs);
  session.output.frame(
    connectedFrame([
      ['server', `RabbitMQ/${SPOKEN_VERSION} PolyMQ/${server.version}`],
      ['session', session.sessionId],
      ['heart-beat', `${sendMs},${receiveMs}`],
      ['version', session.version],
    ]),
  );
}

/** The one user there is, who need not say his name or password: from this machine only, as RabbitMQ has it. */
function admittedUser(session: StompSession, headers: Headers): string {
  const user = headers.get('login') ?? GUEST;
  const passcode = headers.get('passcode') ?? GUEST;
  if (user !== GUEST || passcode !== GUEST) {
    throw new StompError('Bad CONNECT', `Access refused for user '${user}'\n`);
  }
  if (isLoopback(session.connection.remoteAddress)) return user;
  throw new StompError('Bad CONNECT', 'non-loopback access denied');
}

/** Many clients name the machine where RabbitMQ wants a virtual host; this machine means the default one. */
function vhostOf(vhosts: readonly string[], host: string): string {
  if (vhosts.includes(host)) return host;
  if (host === '' || isLoopback(host)) return '/';
  throw new StompError('Bad CONNECT', `Virtual host '${host}' access denied`);
}

function heartBeats(
  text: string | undefined,
  leastMs: number,
): [sendMs: number, receiveMs: number] {
  if (text === undefined) return [0, 0];
  const match = HEART_BEAT.exec(text);
  if (match === null) {
    const detail = `'heart-beat' must be two numbers of milliseconds, not '${text.slice(0, 40)}'\n`;
    throw new StompError('Bad CONNECT', detail);
  }
  return [inSeconds(Number(match[2]), leastMs), inSeconds(Number(match[1]), leastMs)];
}

function inSeconds(wishedMs: number, leastMs: number): number {
  if (wishedMs === 0) return 0;
  const ms = Math.max(wishedMs, leastMs);
  return ms < 1000 ? 1000 : Math.floor(ms / 1000) * 1000;
}

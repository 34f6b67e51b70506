/**
 * Class 10: from the first octets of a connection to its end. Each method is taken only in its state (`session.ts`); what is
 * negotiated here holds for the life of the connection.
 */

import { FRAME_MIN_BYTES } from '../codec/frame.ts';
import { methodFrame } from '../codec/index.ts';
import { AmqpError } from '../errors.ts';
import type { FieldTable, FieldValue } from '../methods/row.ts';
import { credentials, MECHANISMS } from '../sasl.ts';
import type { AmqpSession } from '../session.ts';
import type { Handlers } from './handler.ts';

/** Before a client has logged in, frames are small. */
const FRAME_BYTES_BEFORE_LOGIN = 8 * 1024;

/** The RabbitMQ whose behaviour is offered. */
const SPOKEN_VERSION = '4.0.0';

/** What RabbitMQ's clients look for. */
const CAPABILITIES: FieldTable = {
  publisher_confirms: true,
  exchange_exchange_bindings: true,
  'basic.nack': true,
  consumer_cancel_notify: true,
  'connection.blocked': true,
  consumer_priorities: true,
  authentication_failure_close: true,
  per_consumer_qos: true,
  direct_reply_to: true,
};

export function sendStart(session: AmqpSession): void {
  const { broker } = session.server;
  session.frameMax = FRAME_BYTES_BEFORE_LOGIN;
  session.output.frame(
    methodFrame(0, 'connection.start', {
      versionMajor: 0,
      versionMinor: 9,
      serverProperties: {
        capabilities: CAPABILITIES,
        cluster_name: broker.clusterId,
        // By these two, clients and frameworks decide what they may use.
        product: 'RabbitMQ',
        version: SPOKEN_VERSION,
        platform: `PolyMQ ${session.server.version} on Node.js`,
        information: 'PolyMQ speaks AMQP 0-9-1 as RabbitMQ does',
      },
      mechanisms: MECHANISMS.join(' '),
      locales: 'en_US',
    }),
  );
}

export const connectionHandlers: Handlers = {
  'connection.start-ok'(session, { clientProperties, mechanism, response }) {
    expect(session, 'start');
    session.capabilities = capabilitiesOf(clientProperties);
    const login = credentials(mechanism, response);
    if (login === undefined || !session.server.admits(session, login)) {
      refuseLogin(session, mechanism);
      return undefined;
    }
    session.user = login.user;
    session.state = 'tune';
    session.connection.greet();
    const { channelsMax, frameBytesMax, heartbeatS } = session.server.options;
    session.output.frame(
      methodFrame(0, 'connection.tune', {
        channelMax: channelsMax,
        frameMax: frameBytesMax,
        heartbeat: heartbeatS,
      }),
    );
    return undefined;
  },

  'connection.tune-ok'(session, { channelMax, frameMax, heartbeat }) {
    expect(session, 'tune');
    const offered = session.server.options;
    session.channelMax = negotiated('channel_max', channelMax, offered.channelsMax, 1);
    session.frameMax = negotiated('frame_max', frameMax, offered.frameBytesMax, FRAME_MIN_BYTES);
    session.heartbeatMs = heartbeat * 1_000;
    session.state = 'open';
    return undefined;
  },

  'connection.open'(session, { virtualHost }) {
    expect(session, 'open');
    if (!session.server.options.vhosts.includes(virtualHost)) {
      throw new AmqpError('notAllowed', `vhost ${virtualHost} not found`);
    }
    session.vhost = virtualHost;
    session.namespace = virtualHost === '/' ? '' : virtualHost;
    session.state = 'running';
    session.output.frame(methodFrame(0, 'connection.open-ok', {}));
    return undefined;
  },

  'connection.close'(session) {
    session.output.frame(methodFrame(0, 'connection.close-ok', {}));
    session.finish();
    return undefined;
  },

  'connection.close-ok'(session) {
    session.finish();
    return undefined;
  },

  // A password has no lifetime here: the new one is taken note of and nothing more.
  'connection.update-secret'(session) {
    expect(session, 'running');
    session.output.frame(methodFrame(0, 'connection.update-secret-ok', {}));
    return undefined;
  },
};

function expect(session: AmqpSession, state: AmqpSession['state']): void {
  if (session.state === state) return;
  throw new AmqpError(
    session.state === 'running' ? 'channelError' : 'commandInvalid',
    `unexpected method in connection state ${session.state}`,
  );
}

function capabilitiesOf(properties: FieldTable): AmqpSession['capabilities'] {
  const given = properties['capabilities'] as FieldValue | undefined;
  const table = (typeof given === 'object' && given !== null ? given : {}) as FieldTable;
  return {
    consumerCancelNotify: table['consumer_cancel_notify'] === true,
    connectionBlocked: table['connection.blocked'] === true,
    authenticationFailureClose: table['authentication_failure_close'] === true,
  };
}

function refuseLogin(session: AmqpSession, mechanism: string): void {
  const text = `Login was refused using authentication mechanism ${mechanism}. For details see the broker logfile.`;
  if (session.capabilities.authenticationFailureClose) {
    session.closeConnection(new AmqpError('accessRefused', text));
    return;
  }
  session.output.finish();
  session.connection.end();
}

/** 0 means "as you say"; more than was offered, or less than the least, is refused. */
function negotiated(name: string, asked: number, offered: number, least: number): number {
  if (asked === 0) return offered;
  if (asked >= least && asked <= offered) return asked;
  const problem =
    asked < least
      ? `is lower than the minimum allowed value (${least})`
      : `is higher than the maximum allowed value (${offered})`;
  throw new AmqpError('notAllowed', `negotiated ${name} = ${asked} ${problem}`);
}

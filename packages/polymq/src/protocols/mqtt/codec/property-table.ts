/**
 * The properties of MQTT 5 (§2.2.2.2), as data. A packet may have each once, except user properties, and except subscription
 * ids in a PUBLISH to a client.
 */

/** What may have properties; a will has its own beside those of its CONNECT. */
export type PropertyPlace =
  | 'connect'
  | 'will'
  | 'connack'
  | 'publish'
  | 'puback'
  | 'pubrec'
  | 'pubrel'
  | 'pubcomp'
  | 'subscribe'
  | 'suback'
  | 'unsubscribe'
  | 'unsuback'
  | 'disconnect'
  | 'auth';

/** How the value lies on the wire: 1, 2 or 4 bytes, a varint, or each text or bytes with a length of 2 bytes in front. */
export type PropertyType = 'byte' | 'uint16' | 'uint32' | 'varint' | 'text' | 'pair' | 'bytes';

/** What the value must be, where not all are allowed: 0 or 1, or anything but 0. */
export type PropertyRule = 'flag' | 'positive';

export interface PropertyRow {
  readonly id: number;
  readonly type: PropertyType;
  readonly in: readonly PropertyPlace[];
  readonly rule?: PropertyRule;
  /** It may stand several times, and its value is a list. */
  readonly many?: true;
}

export const PROPERTIES = {
  payloadFormat: { id: 0x01, type: 'byte', in: ['publish', 'will'], rule: 'flag' },
  messageExpiryS: { id: 0x02, type: 'uint32', in: ['publish', 'will'] },
  contentType: { id: 0x03, type: 'text', in: ['publish', 'will'] },
  responseTopic: { id: 0x08, type: 'text', in: ['publish', 'will'] },
  correlationData: { id: 0x09, type: 'bytes', in: ['publish', 'will'] },
  subscriptionIds: {
    id: 0x0b,
    type: 'varint',
    in: ['publish', 'subscribe'],
    rule: 'positive',
    many: true,
  },
  sessionExpiryS: { id: 0x11, type: 'uint32', in: ['connect', 'connack', 'disconnect'] },
  assignedClientId: { id: 0x12, type: 'text', in: ['connack'] },
  serverKeepAliveS: { id: 0x13, type: 'uint16', in: ['connack'] },
  authenticationMethod: { id: 0x15, type: 'text', in: ['connect', 'connack', 'auth'] },
  authenticationData: { id: 0x16, type: 'bytes', in: ['connect', 'connack', 'auth'] },
  requestProblemInfo: { id: 0x17, type: 'byte', in: ['connect'], rule: 'flag' },
  willDelayS: { id: 0x18, type: 'uint32', in: ['will'] },
  requestResponseInfo: { id: 0x19, type: 'byte', in: ['connect'], rule: 'flag' },
  responseInfo: { id: 0x1a, type: 'text', in: ['connack'] },
  serverReference: { id: 0x1c, type: 'text', in: ['connack', 'disconnect'] },
  reasonString: {
    id: 0x1f,
    type: 'text',
    in: [
      'connack',
      'puback',
      'pubrec',
      'pubrel',
      'pubcomp',
      'suback',
      'unsuback',
      'disconnect',
      'auth',
    ],
  },
  receiveMax: { id: 0x21, type: 'uint16', in: ['connect', 'connack'], rule: 'positive' },
  topicAliasMax: { id: 0x22, type: 'uint16', in: ['connect', 'connack'] },
  topicAlias: { id: 0x23, type: 'uint16', in: ['publish'], rule: 'positive' },
  qosMax: { id: 0x24, type: 'byte', in: ['connack'], rule: 'flag' },
  retainAvailable: { id: 0x25, type: 'byte', in: ['connack'], rule: 'flag' },
  userProperties: {
    id: 0x26,
    type: 'pair',
    in: [
      'connect',
      'will',
      'connack',
      'publish',
      'puback',
      'pubrec',
      'pubrel',
      'pubcomp',
      'subscribe',
      'suback',
      'unsubscribe',
      'unsuback',
      'disconnect',
      'auth',
    ],
    many: true,
  },
  packetBytesMax: { id: 0x27, type: 'uint32', in: ['connect', 'connack'], rule: 'positive' },
  wildcardSubscriptionsAvailable: { id: 0x28, type: 'byte', in: ['connack'], rule: 'flag' },
  subscriptionIdsAvailable: { id: 0x29, type: 'byte', in: ['connack'], rule: 'flag' },
  sharedSubscriptionsAvailable: { id: 0x2a, type: 'byte', in: ['connack'], rule: 'flag' },
} as const;

// `satisfies` would hide the literal keys from isolated declarations.
void (PROPERTIES satisfies Record<string, PropertyRow>);

export type PropertyName = keyof typeof PROPERTIES;

/** Name and value. */
export type UserProperty = readonly [name: string, value: string];

interface ValueOf {
  byte: number;
  uint16: number;
  uint32: number;
  varint: number;
  text: string;
  pair: UserProperty;
  bytes: Buffer;
}

type Row<Name extends PropertyName> = (typeof PROPERTIES)[Name];

type Value<Name extends PropertyName> =
  Row<Name> extends { many: true }
    ? readonly ValueOf[Row<Name>['type']][]
    : ValueOf[Row<Name>['type']];

/** The properties of one kind of packet, all optional; flags are 0 or 1. */
export type Properties<Place extends PropertyPlace> = {
  readonly [Name in PropertyName as Place extends Row<Name>['in'][number] ? Name : never]?:
    | Value<Name>
    | undefined;
};

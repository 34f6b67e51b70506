/**
 * The reason codes of MQTT 5 (§2.4), as data: what they are called here, and where they may stand. Below 0x80 is success.
 *
 * 0x00 has three names, by the packet it stands in. `clientDisconnect` is a DISCONNECT that a client sends, `disconnect` one
 * that a server sends: few codes may stand in both.
 */

/** A packet with reason codes; DISCONNECT by who sends it. */
export type ReasonPlace =
  | 'connack'
  | 'puback'
  | 'pubrec'
  | 'pubrel'
  | 'pubcomp'
  | 'suback'
  | 'unsuback'
  | 'disconnect'
  | 'clientDisconnect'
  | 'auth';

export interface ReasonRow {
  readonly code: number;
  readonly in: readonly ReasonPlace[];
}

export const REASON_CODES = {
  success: {
    code: 0x00,
    in: ['connack', 'puback', 'pubrec', 'pubrel', 'pubcomp', 'unsuback', 'auth'],
  },
  normalDisconnection: { code: 0x00, in: ['disconnect', 'clientDisconnect'] },
  grantedQos0: { code: 0x00, in: ['suback'] },
  grantedQos1: { code: 0x01, in: ['suback'] },
  grantedQos2: { code: 0x02, in: ['suback'] },
  disconnectWithWill: { code: 0x04, in: ['clientDisconnect'] },
  noMatchingSubscribers: { code: 0x10, in: ['puback', 'pubrec'] },
  noSubscriptionExisted: { code: 0x11, in: ['unsuback'] },
  continueAuthentication: { code: 0x18, in: ['auth'] },
  reauthenticate: { code: 0x19, in: ['auth'] },
  unspecifiedError: {
    code: 0x80,
    in: ['connack', 'puback', 'pubrec', 'suback', 'unsuback', 'disconnect', 'clientDisconnect'],
  },
  malformedPacket: { code: 0x81, in: ['connack', 'disconnect', 'clientDisconnect'] },
  protocolError: { code: 0x82, in: ['connack', 'disconnect', 'clientDisconnect'] },
  implementationSpecificError: {
    code: 0x83,
    in: ['connack', 'puback', 'pubrec', 'suback', 'unsuback', 'disconnect', 'clientDisconnect'],
  },
  unsupportedProtocolVersion: { code: 0x84, in: ['connack'] },
  clientIdNotValid: { code: 0x85, in: ['connack'] },
  badUserNameOrPassword: { code: 0x86, in: ['connack'] },
  notAuthorized: {
    code: 0x87,
    in: ['connack', 'puback', 'pubrec', 'suback', 'unsuback', 'disconnect'],
  },
  serverUnavailable: { code: 0x88, in: ['connack'] },
  serverBusy: { code: 0x89, in: ['connack', 'disconnect'] },
  banned: { code: 0x8a, in: ['connack'] },
  serverShuttingDown: { code: 0x8b, in: ['disconnect'] },
  badAuthenticationMethod: { code: 0x8c, in: ['connack', 'disconnect'] },
  keepAliveTimeout: { code: 0x8d, in: ['disconnect'] },
  sessionTakenOver: { code: 0x8e, in: ['disconnect'] },
  topicFilterInvalid: { code: 0x8f, in: ['suback', 'unsuback', 'disconnect'] },
  topicNameInvalid: {
    code: 0x90,
    in: ['connack', 'puback', 'pubrec', 'disconnect', 'clientDisconnect'],
  },
  packetIdInUse: { code: 0x91, in: ['puback', 'pubrec', 'suback', 'unsuback'] },
  packetIdNotFound: { code: 0x92, in: ['pubrel', 'pubcomp'] },
  receiveMaximumExceeded: { code: 0x93, in: ['disconnect', 'clientDisconnect'] },
  topicAliasInvalid: { code: 0x94, in: ['disconnect', 'clientDisconnect'] },
  packetTooLarge: { code: 0x95, in: ['connack', 'disconnect', 'clientDisconnect'] },
  messageRateTooHigh: { code: 0x96, in: ['disconnect', 'clientDisconnect'] },
  quotaExceeded: {
    code: 0x97,
    in: ['connack', 'puback', 'pubrec', 'suback', 'disconnect', 'clientDisconnect'],
  },
  administrativeAction: { code: 0x98, in: ['disconnect', 'clientDisconnect'] },
  payloadFormatInvalid: {
    code: 0x99,
    in: ['connack', 'puback', 'pubrec', 'disconnect', 'clientDisconnect'],
  },
  retainNotSupported: { code: 0x9a, in: ['connack', 'disconnect'] },
  qosNotSupported: { code: 0x9b, in: ['connack', 'disconnect'] },
  useAnotherServer: { code: 0x9c, in: ['connack', 'disconnect'] },
  serverMoved: { code: 0x9d, in: ['connack', 'disconnect'] },
  sharedSubscriptionsNotSupported: { code: 0x9e, in: ['suback', 'disconnect'] },
  connectionRateExceeded: { code: 0x9f, in: ['connack', 'disconnect'] },
  maximumConnectTime: { code: 0xa0, in: ['disconnect'] },
  subscriptionIdsNotSupported: { code: 0xa1, in: ['suback', 'disconnect'] },
  wildcardSubscriptionsNotSupported: { code: 0xa2, in: ['suback', 'disconnect'] },
} as const;

// `satisfies` would hide the literal keys from isolated declarations.
void (REASON_CODES satisfies Record<string, ReasonRow>);

export type ReasonName = keyof typeof REASON_CODES;

/** Name → number. */
export const REASON: { readonly [name in ReasonName]: number } = Object.fromEntries(
  Object.entries(REASON_CODES).map(([name, { code }]) => [name, code]),
) as { [name in ReasonName]: number };

const CODES_IN = new Map<ReasonPlace, Set<number>>();
for (const { code, in: places } of Object.values(REASON_CODES) as ReasonRow[]) {
  for (const place of places) {
    CODES_IN.set(place, (CODES_IN.get(place) ?? new Set<number>()).add(code));
  }
}

/** Whether the specification lets that code stand in that packet. */
export function reasonMayBeIn(code: number, place: ReasonPlace): boolean {
  return CODES_IN.get(place)!.has(code);
}

/**
 * What a stored session remembers of QoS 2 in the journal of messages, in the same batch as the message itself:
 *
 *   mqtt/in/<client id>/<packet id>    a message with that id was published, and the client has not released it
 *   mqtt/out/<client id>/<packet id>   the client has the message with that id, and is to forget it (PUBREL)
 */
const RECEIVED = 'mqtt/in/';
const SENT = 'mqtt/out/';

export function receivedMark(clientId: string, packetId: number): string {
  return `${RECEIVED}${clientId}/${packetId}`;
}

export function sentMark(clientId: string, packetId: number): string {
  return `${SENT}${clientId}/${packetId}`;
}

/** What the marks of one client say. */
export interface ClientMarks {
  readonly received: number[];
  /** In the order in which they are to be released. */
  readonly sent: number[];
}

/** All marks there are, by client id. */
export function readMarks(
  marks: (prefix: string) => readonly (readonly [name: string, value: number])[],
): Map<string, ClientMarks> {
  const clients = new Map<string, ClientMarks>();
  for (const [prefix, list] of [
    [RECEIVED, 'received'],
    [SENT, 'sent'],
  ] as const) {
    for (const [name] of marks(prefix)) {
      const slash = name.lastIndexOf('/');
      const clientId = name.slice(prefix.length, slash);
      let client = clients.get(clientId);
      if (client === undefined) {
        client = { received: [], sent: [] };
        clients.set(clientId, client);
      }
      client[list].push(Number(name.slice(slash + 1)));
    }
  }
  return clients;
}

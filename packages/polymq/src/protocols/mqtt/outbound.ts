/** The sending side of a session, as the answers of its client drive it. */
export interface Outbound {
  /** The client has the message (QoS 1). */
  puback(packetId: number): void;
  /** The client has the message (QoS 2), or refuses it. */
  pubrec(packetId: number, failed: boolean): void;
  /** The client has forgotten the packet id. */
  pubcomp(packetId: number): void;
  /** All that has come at once was handled: whoever has room is served. */
  endOfBurst(): void;
  /** The client takes more again. */
  outputDrained(): void;
  /** The connection is over. */
  detach(): void;
}

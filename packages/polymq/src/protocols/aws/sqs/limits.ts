/** Numbers of Amazon SQS, as its documentation has them. */
export const SQS = {
  batchEntriesMax: 10,
  batchIdLengthMax: 80,
  messageAttributesMax: 10,
  messageAttributeNameMax: 256,
  groupIdLengthMax: 128,
  deduplicationIdLengthMax: 128,
  delaySecondsMax: 900,
  waitSecondsMax: 20,
  visibilitySecondsMax: 43_200,
  receiveMessagesMax: 10,
  receiveCountMax: 1_000,
  queueNameLengthMax: 80,
  tagsMax: 50,
  inFlightMax: 120_000,
  listResultsMax: 1_000,
  /** Between purges, and between deleting a queue and creating one of the same name. Only where AWS is kept to strictly. */
  quietMs: 60_000,
} as const;

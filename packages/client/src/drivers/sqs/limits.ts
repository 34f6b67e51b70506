/** What SQS and SNS allow, and what this driver asks for at most at a time. */

/** Entries of one batch request, and messages of one ReceiveMessage. */
export const BATCH_ENTRIES_MAX = 10;
/**
 * Queues of before August 2025 take 256 KiB per request, those of today 1 MiB. A batch is filled up to the older limit, which both take; a
 * message beyond it travels alone.
 */
export const BATCH_BYTES_MAX: number = 256 * 1024;
export const MESSAGE_BYTES_MAX: number = 1024 * 1024;
export const DELAY_MS_MAX: number = 15 * 60 * 1000;
export const WAIT_SECONDS_MAX = 20;
export const VISIBILITY_SECONDS_MAX: number = 12 * 60 * 60;
/** The longest that SQS keeps a message; what the queues get that this driver creates. */
export const RETENTION_SECONDS: number = 14 * 24 * 60 * 60;
export const NAME_LENGTH_MAX = 80;
export const FIFO_SUFFIX = '.fifo';

/** Requests of one kind to one queue that are under way at a time. */
export const REQUESTS_IN_FLIGHT_MAX = 16;
/** Long polls of one subscription at a time. */
export const POLLS_MAX = 8;

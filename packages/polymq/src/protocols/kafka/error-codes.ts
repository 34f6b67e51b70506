/**
 * Every error code of the Kafka protocol, by the name that Apache Kafka gives it. Numbers and what is
 * retriable are Kafka's (`org.apache.kafka.common.protocol.Errors`, 4.2); the words are ours.
 */
export const KAFKA_ERRORS = {
  UNKNOWN_SERVER_ERROR: {
    code: -1,
    retriable: false,
    message: 'the broker failed in a way that it did not expect',
  },
  NONE: { code: 0, retriable: false, message: 'no error' },
  OFFSET_OUT_OF_RANGE: {
    code: 1,
    retriable: false,
    message: 'the offset lies outside what the partition holds',
  },
  CORRUPT_MESSAGE: {
    code: 2,
    retriable: true,
    message:
      'the record batch does not match its checksum or size, or lacks a key that the topic demands',
  },
  UNKNOWN_TOPIC_OR_PARTITION: {
    code: 3,
    retriable: true,
    message: 'this broker has no such topic or partition',
  },
  INVALID_FETCH_SIZE: { code: 4, retriable: false, message: 'the fetch size is not allowed' },
  LEADER_NOT_AVAILABLE: {
    code: 5,
    retriable: true,
    message: 'the partition has no leader at the moment',
  },
  NOT_LEADER_OR_FOLLOWER: {
    code: 6,
    retriable: true,
    message: 'this broker does not hold the partition',
  },
  REQUEST_TIMED_OUT: {
    code: 7,
    retriable: true,
    message: 'the request was not done within its time',
  },
  BROKER_NOT_AVAILABLE: { code: 8, retriable: false, message: 'the broker is not available' },
  REPLICA_NOT_AVAILABLE: { code: 9, retriable: true, message: 'the replica is not available' },
  MESSAGE_TOO_LARGE: {
    code: 10,
    retriable: false,
    message: 'the record batch is larger than the topic accepts',
  },
  STALE_CONTROLLER_EPOCH: {
    code: 11,
    retriable: false,
    message: 'the controller has moved on to a newer epoch',
  },
  OFFSET_METADATA_TOO_LARGE: {
    code: 12,
    retriable: false,
    message: 'the text given with the offset is too long',
  },
  NETWORK_EXCEPTION: {
    code: 13,
    retriable: true,
    message: 'the connection was lost before there was a response',
  },
  COORDINATOR_LOAD_IN_PROGRESS: {
    code: 14,
    retriable: true,
    message: 'the coordinator is still loading its state',
  },
  COORDINATOR_NOT_AVAILABLE: {
    code: 15,
    retriable: true,
    message: 'the coordinator is not available',
  },
  NOT_COORDINATOR: { code: 16, retriable: true, message: 'this broker is not the coordinator' },
  INVALID_TOPIC_EXCEPTION: {
    code: 17,
    retriable: false,
    message: 'the topic name is not allowed, or the topic is reserved',
  },
  RECORD_LIST_TOO_LARGE: {
    code: 18,
    retriable: false,
    message: 'the record batch is larger than a segment may be',
  },
  NOT_ENOUGH_REPLICAS: {
    code: 19,
    retriable: true,
    message: 'fewer replicas are in sync than the topic demands',
  },
  NOT_ENOUGH_REPLICAS_AFTER_APPEND: {
    code: 20,
    retriable: true,
    message: 'the records are written, but on fewer replicas than the topic demands',
  },
  INVALID_REQUIRED_ACKS: { code: 21, retriable: false, message: 'acks must be 0, 1 or -1' },
  ILLEGAL_GENERATION: {
    code: 22,
    retriable: false,
    message: 'the generation is not the current one of the group',
  },
  INCONSISTENT_GROUP_PROTOCOL: {
    code: 23,
    retriable: false,
    message:
      'the member shares no protocol with the others, or offers another type than the group has',
  },
  INVALID_GROUP_ID: { code: 24, retriable: false, message: 'the group id is not allowed' },
  UNKNOWN_MEMBER_ID: { code: 25, retriable: false, message: 'the group has no such member' },
  INVALID_SESSION_TIMEOUT: {
    code: 26,
    retriable: false,
    message: 'the session timeout lies outside what the broker allows',
  },
  REBALANCE_IN_PROGRESS: {
    code: 27,
    retriable: false,
    message: 'the group is rebalancing; join it again',
  },
  INVALID_COMMIT_OFFSET_SIZE: {
    code: 28,
    retriable: false,
    message: 'the committed offsets are too large',
  },
  TOPIC_AUTHORIZATION_FAILED: { code: 29, retriable: false, message: 'no right to this topic' },
  GROUP_AUTHORIZATION_FAILED: { code: 30, retriable: false, message: 'no right to this group' },
  CLUSTER_AUTHORIZATION_FAILED: {
    code: 31,
    retriable: false,
    message: 'no right to this operation on the cluster',
  },
  INVALID_TIMESTAMP: {
    code: 32,
    retriable: false,
    message: 'the timestamp of a record lies outside what the topic accepts',
  },
  UNSUPPORTED_SASL_MECHANISM: {
    code: 33,
    retriable: false,
    message: 'the broker does not offer this SASL mechanism',
  },
  ILLEGAL_SASL_STATE: {
    code: 34,
    retriable: false,
    message: 'the request does not fit the state of the authentication',
  },
  UNSUPPORTED_VERSION: {
    code: 35,
    retriable: false,
    message: 'the broker does not speak this version of the request',
  },
  TOPIC_ALREADY_EXISTS: {
    code: 36,
    retriable: false,
    message: 'a topic of this name exists already',
  },
  INVALID_PARTITIONS: {
    code: 37,
    retriable: false,
    message: 'the number of partitions is not allowed',
  },
  INVALID_REPLICATION_FACTOR: {
    code: 38,
    retriable: false,
    message: 'the replication factor is below 1 or above the number of brokers',
  },
  INVALID_REPLICA_ASSIGNMENT: {
    code: 39,
    retriable: false,
    message: 'the assignment of replicas is not possible',
  },
  INVALID_CONFIG: {
    code: 40,
    retriable: false,
    message: 'a setting has an unknown name or a value that is not allowed',
  },
  NOT_CONTROLLER: { code: 41, retriable: true, message: 'this broker is not the controller' },
  INVALID_REQUEST: {
    code: 42,
    retriable: false,
    message: 'the request contradicts itself, lacks something or is malformed',
  },
  UNSUPPORTED_FOR_MESSAGE_FORMAT: {
    code: 43,
    retriable: false,
    message: 'the message format of the topic does not allow this',
  },
  POLICY_VIOLATION: {
    code: 44,
    retriable: false,
    message: 'a limit or policy of the broker does not allow this',
  },
  OUT_OF_ORDER_SEQUENCE_NUMBER: {
    code: 45,
    retriable: false,
    message: 'the producer skipped a sequence number',
  },
  DUPLICATE_SEQUENCE_NUMBER: {
    code: 46,
    retriable: false,
    message: 'the producer repeated a sequence number',
  },
  INVALID_PRODUCER_EPOCH: { code: 47, retriable: false, message: 'the producer has an old epoch' },
  INVALID_TXN_STATE: {
    code: 48,
    retriable: false,
    message: 'the transaction is in a state that does not allow this',
  },
  INVALID_PRODUCER_ID_MAPPING: {
    code: 49,
    retriable: false,
    message: 'the producer id does not belong to the transactional id',
  },
  INVALID_TRANSACTION_TIMEOUT: {
    code: 50,
    retriable: false,
    message: 'the transaction timeout is above what the broker allows',
  },
  CONCURRENT_TRANSACTIONS: {
    code: 51,
    retriable: true,
    message: "the producer's last transaction is still being finished",
  },
  TRANSACTION_COORDINATOR_FENCED: {
    code: 52,
    retriable: false,
    message: 'the transaction coordinator has an old epoch',
  },
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: {
    code: 53,
    retriable: false,
    message: 'no right to this transactional id',
  },
  SECURITY_DISABLED: { code: 54, retriable: false, message: 'security is not enabled' },
  OPERATION_NOT_ATTEMPTED: {
    code: 55,
    retriable: false,
    message: 'not attempted, because another part of the request failed',
  },
  KAFKA_STORAGE_ERROR: { code: 56, retriable: true, message: 'the log cannot be read or written' },
  LOG_DIR_NOT_FOUND: { code: 57, retriable: false, message: 'there is no such log directory' },
  SASL_AUTHENTICATION_FAILED: { code: 58, retriable: false, message: 'authentication failed' },
  UNKNOWN_PRODUCER_ID: {
    code: 59,
    retriable: false,
    message: 'the broker knows nothing of this producer id',
  },
  REASSIGNMENT_IN_PROGRESS: {
    code: 60,
    retriable: false,
    message: 'a reassignment of the partition is in progress',
  },
  DELEGATION_TOKEN_AUTH_DISABLED: {
    code: 61,
    retriable: false,
    message: 'delegation tokens are not enabled',
  },
  DELEGATION_TOKEN_NOT_FOUND: {
    code: 62,
    retriable: false,
    message: 'there is no such delegation token',
  },
  DELEGATION_TOKEN_OWNER_MISMATCH: {
    code: 63,
    retriable: false,
    message: 'the delegation token belongs to somebody else',
  },
  DELEGATION_TOKEN_REQUEST_NOT_ALLOWED: {
    code: 64,
    retriable: false,
    message: 'delegation tokens cannot be asked for on this connection',
  },
  DELEGATION_TOKEN_AUTHORIZATION_FAILED: {
    code: 65,
    retriable: false,
    message: 'no right to this delegation token',
  },
  DELEGATION_TOKEN_EXPIRED: {
    code: 66,
    retriable: false,
    message: 'the delegation token has expired',
  },
  INVALID_PRINCIPAL_TYPE: {
    code: 67,
    retriable: false,
    message: 'the type of principal is not supported',
  },
  NON_EMPTY_GROUP: { code: 68, retriable: false, message: 'the group still has members' },
  GROUP_ID_NOT_FOUND: { code: 69, retriable: false, message: 'there is no such group' },
  FETCH_SESSION_ID_NOT_FOUND: {
    code: 70,
    retriable: true,
    message: 'there is no such fetch session',
  },
  INVALID_FETCH_SESSION_EPOCH: {
    code: 71,
    retriable: true,
    message: 'the epoch does not fit the fetch session',
  },
  LISTENER_NOT_FOUND: {
    code: 72,
    retriable: true,
    message: 'the leader has no listener like the one that was asked',
  },
  TOPIC_DELETION_DISABLED: { code: 73, retriable: false, message: 'topics cannot be deleted' },
  FENCED_LEADER_EPOCH: {
    code: 74,
    retriable: true,
    message: "the leader epoch is older than the partition's",
  },
  UNKNOWN_LEADER_EPOCH: {
    code: 75,
    retriable: true,
    message: "the leader epoch is newer than the partition's",
  },
  UNSUPPORTED_COMPRESSION_TYPE: {
    code: 76,
    retriable: false,
    message: 'the codec is not supported in this version of the request',
  },
  STALE_BROKER_EPOCH: {
    code: 77,
    retriable: false,
    message: 'the broker has moved on to a newer epoch',
  },
  OFFSET_NOT_AVAILABLE: {
    code: 78,
    retriable: true,
    message: 'the leader does not know its high watermark yet',
  },
  MEMBER_ID_REQUIRED: {
    code: 79,
    retriable: false,
    message: 'join again with the member id of this response',
  },
  PREFERRED_LEADER_NOT_AVAILABLE: {
    code: 80,
    retriable: true,
    message: 'the preferred leader is not available',
  },
  GROUP_MAX_SIZE_REACHED: { code: 81, retriable: false, message: 'the group is full' },
  FENCED_INSTANCE_ID: {
    code: 82,
    retriable: false,
    message: 'another member has taken over the instance id',
  },
  ELIGIBLE_LEADERS_NOT_AVAILABLE: {
    code: 83,
    retriable: true,
    message: 'no replica that may lead is available',
  },
  ELECTION_NOT_NEEDED: { code: 84, retriable: true, message: 'the partition needs no election' },
  NO_REASSIGNMENT_IN_PROGRESS: {
    code: 85,
    retriable: false,
    message: 'no reassignment is in progress',
  },
  GROUP_SUBSCRIBED_TO_TOPIC: {
    code: 86,
    retriable: false,
    message: 'the group is subscribed to the topic',
  },
  INVALID_RECORD: {
    code: 87,
    retriable: false,
    message: 'a record is malformed, or not allowed in this topic',
  },
  UNSTABLE_OFFSET_COMMIT: {
    code: 88,
    retriable: true,
    message: 'an open transaction holds offsets that are not yet committed',
  },
  THROTTLING_QUOTA_EXCEEDED: { code: 89, retriable: true, message: 'the quota is used up' },
  PRODUCER_FENCED: {
    code: 90,
    retriable: false,
    message: 'a newer producer has taken over the transactional id',
  },
  RESOURCE_NOT_FOUND: {
    code: 91,
    retriable: false,
    message: 'what the request names does not exist',
  },
  DUPLICATE_RESOURCE: {
    code: 92,
    retriable: false,
    message: 'the request names the same thing twice',
  },
  UNACCEPTABLE_CREDENTIAL: {
    code: 93,
    retriable: false,
    message: 'the credential does not meet the rules',
  },
  INCONSISTENT_VOTER_SET: { code: 94, retriable: false, message: 'the sets of voters differ' },
  INVALID_UPDATE_VERSION: {
    code: 95,
    retriable: false,
    message: 'the version of the update is not possible',
  },
  FEATURE_UPDATE_FAILED: {
    code: 96,
    retriable: false,
    message: 'the features could not be updated',
  },
  PRINCIPAL_DESERIALIZATION_FAILURE: {
    code: 97,
    retriable: false,
    message: 'the forwarded principal cannot be read',
  },
  SNAPSHOT_NOT_FOUND: { code: 98, retriable: false, message: 'there is no such snapshot' },
  POSITION_OUT_OF_RANGE: {
    code: 99,
    retriable: false,
    message: 'the position lies outside the snapshot',
  },
  UNKNOWN_TOPIC_ID: {
    code: 100,
    retriable: true,
    message: 'this broker has no topic with that id',
  },
  DUPLICATE_BROKER_REGISTRATION: {
    code: 101,
    retriable: false,
    message: 'the broker id is in use',
  },
  BROKER_ID_NOT_REGISTERED: {
    code: 102,
    retriable: false,
    message: 'the broker id is not registered',
  },
  INCONSISTENT_TOPIC_ID: {
    code: 103,
    retriable: true,
    message: 'the topic id is not the one in the log',
  },
  INCONSISTENT_CLUSTER_ID: {
    code: 104,
    retriable: false,
    message: 'the request is meant for another cluster',
  },
  TRANSACTIONAL_ID_NOT_FOUND: {
    code: 105,
    retriable: false,
    message: 'there is no such transactional id',
  },
  FETCH_SESSION_TOPIC_ID_ERROR: {
    code: 106,
    retriable: true,
    message: 'the fetch session was begun without topic ids, or with them',
  },
  INELIGIBLE_REPLICA: { code: 107, retriable: false, message: 'the replica may not lead' },
  NEW_LEADER_ELECTED: {
    code: 108,
    retriable: false,
    message: 'the partition has got another leader',
  },
  OFFSET_MOVED_TO_TIERED_STORAGE: {
    code: 109,
    retriable: false,
    message: 'the offset is held in tiered storage',
  },
  FENCED_MEMBER_EPOCH: {
    code: 110,
    retriable: false,
    message: 'the member has an old epoch; join again',
  },
  UNRELEASED_INSTANCE_ID: {
    code: 111,
    retriable: false,
    message: 'another member still holds the instance id',
  },
  UNSUPPORTED_ASSIGNOR: {
    code: 112,
    retriable: false,
    message: 'the broker does not offer this assignor',
  },
  STALE_MEMBER_EPOCH: {
    code: 113,
    retriable: false,
    message: 'the member epoch is not the current one',
  },
  MISMATCHED_ENDPOINT_TYPE: {
    code: 114,
    retriable: false,
    message: 'the request was sent to the wrong kind of endpoint',
  },
  UNSUPPORTED_ENDPOINT_TYPE: {
    code: 115,
    retriable: false,
    message: 'the kind of endpoint is not supported',
  },
  UNKNOWN_CONTROLLER_ID: { code: 116, retriable: false, message: 'there is no such controller' },
  UNKNOWN_SUBSCRIPTION_ID: {
    code: 117,
    retriable: false,
    message: 'the subscription to telemetry is not known',
  },
  TELEMETRY_TOO_LARGE: {
    code: 118,
    retriable: false,
    message: 'the telemetry is larger than the broker accepts',
  },
  INVALID_REGISTRATION: {
    code: 119,
    retriable: false,
    message: 'the registration of the broker is not valid',
  },
  TRANSACTION_ABORTABLE: {
    code: 120,
    retriable: false,
    message: 'the transaction failed and must be aborted',
  },
  INVALID_RECORD_STATE: {
    code: 121,
    retriable: false,
    message: 'the record is in a state that does not allow this',
  },
  SHARE_SESSION_NOT_FOUND: {
    code: 122,
    retriable: true,
    message: 'there is no such share session',
  },
  INVALID_SHARE_SESSION_EPOCH: {
    code: 123,
    retriable: true,
    message: 'the epoch does not fit the share session',
  },
  FENCED_STATE_EPOCH: {
    code: 124,
    retriable: false,
    message: 'the share coordinator has a newer state epoch',
  },
  INVALID_VOTER_KEY: {
    code: 125,
    retriable: false,
    message: "the key of the voter is not the receiver's",
  },
  DUPLICATE_VOTER: { code: 126, retriable: false, message: 'the voter is in the set already' },
  VOTER_NOT_FOUND: { code: 127, retriable: false, message: 'the set has no such voter' },
  INVALID_REGULAR_EXPRESSION: {
    code: 128,
    retriable: false,
    message: 'the regular expression is not valid',
  },
  REBOOTSTRAP_REQUIRED: {
    code: 129,
    retriable: false,
    message: 'the client must start again from its bootstrap servers',
  },
  STREAMS_INVALID_TOPOLOGY: { code: 130, retriable: false, message: 'the topology is not valid' },
  STREAMS_INVALID_TOPOLOGY_EPOCH: {
    code: 131,
    retriable: false,
    message: 'the epoch of the topology is not valid',
  },
  STREAMS_TOPOLOGY_FENCED: {
    code: 132,
    retriable: false,
    message: 'the topology has an old epoch',
  },
  SHARE_SESSION_LIMIT_REACHED: {
    code: 133,
    retriable: true,
    message: 'there are as many share sessions as the broker allows',
  },
} as const;

export type KafkaErrorName = keyof typeof KAFKA_ERRORS;

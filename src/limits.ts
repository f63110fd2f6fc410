// Every bound of the store, with its reason. A number that limits a size, a count or a wait stands here, or
// in the limits.ts of its own folder.

/** Number of slots on the ring; also one more than the highest token. */
export const SLOTS = 10_000

/** Longest key, bytes of UTF-8. Percent-encoded it still fits in a URL under Node's 16 KiB of headers. */
export const KEY_BYTES = 1024

/**
 * Largest value, bytes. With key, header and record prefix it stays under Memcached's default item limit of 1
 * MiB.
 */
export const VALUE_BYTES = 1_000_000

/** Longest content type, bytes; its length is stored in one byte (less one). */
export const CONTENT_TYPE_BYTES = 256

/** Longest time to live, seconds: a year. */
export const TTL_S = 31_536_000

/**
 * Longest part of a path that is read, so that what is too long for its purpose is told to be so: what fits
 * in Node's 16 KiB of headers.
 */
export const PATH_PART_CHARS = 16 * 1024

/** Longest `host:port` of a node, characters. */
export const NODE_CHARS = 255

/** Most replicas that a ring may ask for; more than any cluster of a handful of nodes can use. */
export const REPLICAS_LIMIT = 16

/**
 * Replicas of a ring whose seed does not tell, if the environment does not either: one of them may be gone.
 */
export const REPLICAS_DEFAULT = 3

/** A form may percent-encode every byte of the value and of the key to three. */
export const FORM_BYTES = 3 * (VALUE_BYTES + KEY_BYTES) + 64

/** Largest body where a path says nothing else; a change of the ring is asked for in less. */
export const BODY_BYTES = 16 * 1024

/** Largest body of `/bulk_update_keys`, bytes. */
export const BULK_BYTES = 32 * 1024 * 1024

/** Most pairs of it; each takes some 200 bytes beside its own. */
export const BULK_PAIRS = 500_000

/** Largest body of `/hash_ring`, bytes: thousands of tokens with long names, percent-encoded. */
export const RING_BYTES = 4 * 1024 * 1024

/**
 * Operations of one `/kv/batch`, bytes of its body (any client may send one, so it is smaller than what
 * operators send), and of its answer as it is sent: where every byte of it had to be escaped, that takes 40
 * ms.
 */
export const BATCH_OPS = 1_000
export const BATCH_BYTES = 8 * 1024 * 1024
export const BATCH_ANSWER_BYTES = 8 * 1024 * 1024

/**
 * Bytes of the answers of all batches of a process, from the first result until they have been sent; half of
 * `UNSENT_BYTES`, so that they leave room for single values.
 */
export const BATCHES_ANSWER_BYTES = 32 * 1024 * 1024

/** Pieces in which the answer of a batch is sent; a shorter answer leaves at once. */
export const BATCH_PIECE_BYTES = 64 * 1024

/**
 * How long after its arrival a batch begins another operation: the one under way needs time too, and HAProxy
 * waits for 12 s.
 */
export const BATCH_BEGIN_MS = 7_000

/** Pairs of one `/bulk_update_keys`, or keys of one `/kv/batch`, that are at work at the same time. */
export const BULK_IN_FLIGHT = 64

/**
 * How long a deleted or expired record keeps its version, so that a replica that missed the delete cannot
 * bring the value back.
 */
export const TOMBSTONE_GRACE_MS = 24 * 60 * 60 * 1000

/**
 * A key whose time was over so long ago is over by the clock of every node that serves: clocks are to be
 * within a minute of the right time. Only where a storage is too full to note that a key has expired is
 * anything left to that.
 */
export const EXPIRY_MARGIN_MS = 2 * 60 * 1000

/** Pairs read from Memcached at a time by a scan, and the bytes after which a batch is handed on early. */
export const SCAN_BATCH_PAIRS = 128
export const SCAN_BATCH_BYTES = 1024 * 1024

/**
 * How often a request plans again because the ring changed under it. A change is two or three rings; more in
 * one request means a fault.
 */
export const COORDINATOR_ROUNDS = 8

/** Operations in one frame between nodes. */
export const FRAME_OPS = 512

/**
 * Failures in a row that open the circuit of a peer, and its first and longest pause. The longest is well
 * under the notice of a stopping node, so that one that is ready again counts with every process before the
 * next one goes.
 */
export const CIRCUIT_FAILURES = 3
export const CIRCUIT_MIN_MS = 100
export const CIRCUIT_MAX_MS = 400

/** Longest wait for the reply to a frame: the other node's storage deadline and some time to travel. */
export const PEER_DEADLINE_MS = 1_500

/**
 * Longest wait for a ring to be in force at every worker: operations in flight end within the storage
 * deadline.
 */
export const INSTALL_DEADLINE_MS = 5_000

/**
 * Steps in which a wait for another process counts; of the time that this one was held up it counts at most
 * one.
 */
export const DEADLINE_STEP_MS = 500

/** How often the node compares its ring with the ring record, milliseconds. */
export const RECONCILE_MS = 500

/** Largest request of a vote: the present ring and the next one, each spelled as text within text. */
export const VOTE_BYTES = 4 * RING_BYTES

/**
 * How often a change of the ring is proposed before the proposer gives up, and the longest pause after the
 * first failure; it grows with each.
 */
export const PROPOSAL_ATTEMPTS = 12
export const PROPOSAL_PAUSE_MS = 50

/**
 * Longest time for the head of a request, and for all of it: the largest body takes two minutes at 2.2
 * Mbit/s; slower clients are broken or hostile.
 */
export const HEAD_MS = 10_000
export const REQUEST_MS = 120_000

/**
 * How long an idle connection is kept, and clients are told that it is: longer than a balancer or another
 * proxy in front keeps it (HAProxy: seconds), so that none is closed just as it is used again.
 */
export const KEEP_ALIVE_MS = 72_000

/** Most connections of one process; each idle one takes some 10 kB, each at work more. */
export const CONNECTIONS = 8_192

/**
 * Bytes of large answers that a process holds until they have been sent, for all clients together: sixty of
 * the largest values. Answers up to `UNSENT_FREE_BYTES` are not counted: one for each connection is 32 MB.
 */
export const UNSENT_BYTES = 64 * 1024 * 1024
export const UNSENT_FREE_BYTES = 4 * 1024

/**
 * Connections that may wait to be accepted, as long as a process is restarted, say; the system has a limit of
 * its own (`net.core.somaxconn`).
 */
export const BACKLOG = 4_096

/** Longest wait for requests in flight when the process is told to stop, milliseconds. */
export const STOP_DEADLINE_MS = 10_000

/**
 * Bytes that the memory driver holds before it answers "full", and what it reckons for each pair beside key
 * and value.
 */
export const MEMORY_STORAGE_BYTES = 1024 * 1024 * 1024
export const MEMORY_PAIR_BYTES = 400

/**
 * Pairs that the memory driver looks at, at each merge, for some to forget. Two would do to keep up with any
 * writer.
 */
export const MEMORY_SWEEP_PAIRS = 4

/** Longest wait of a worker for its primary, beyond what the primary itself may take for an install. */
export const IPC_DEADLINE_MS = 2 * INSTALL_DEADLINE_MS

/**
 * What a node keeps of the disk beside its state files, bytes, for the time when it is full: rings and votes
 * of hundreds of nodes fit in it.
 */
export const STATE_RESERVE_BYTES = 1024 * 1024

/**
 * How long a ring file that could not be written is left alone. Without this rest every frame of a node with
 * a newer ring would try again.
 */
export const RING_FILE_REST_MS = RECONCILE_MS

/**
 * Longest wait of the primary for a proposal: every attempt of it, each with two phases of an answer's
 * deadline.
 */
export const PROPOSAL_DEADLINE_MS = 60_000

/**
 * How long a process that was told to stop still takes requests while `/readyz` says no: three checks of a
 * balancer that asks every half second.
 */
export const STOP_NOTICE_MS = 1_500

/**
 * Longest wait of a stopping process, after the notice, for connections that it has just accepted to send
 * their request.
 */
export const STOP_ACCEPTED_MS = 500

/**
 * Longest wait of a stopping process for requests in flight, after the notice; then they are cut. With it,
 * less than the primary waits for a worker.
 */
export const STOP_IN_FLIGHT_MS = 6_000

/**
 * How often a node looks at everything that the other replicas hold, to get what it missed: several times in
 * a tombstone's life.
 */
export const REPAIR_EVERY_MS = TOMBSTONE_GRACE_MS / 4

/**
 * After so long without a complete look a node no longer trusts what it holds; an hour is left to notice it
 * in.
 */
export const REPAIR_TRUST_MS = TOMBSTONE_GRACE_MS - 60 * 60 * 1000

/**
 * A node takes slots over only from nodes that are to be trusted for so long still: what they missed can be
 * had from others until then.
 */
export const SOURCE_TRUST_MS = REPAIR_TRUST_MS / 2

/**
 * A node whose clock is further off than this from those of most nodes is not ready. Ready nodes thus are two
 * minutes apart at most. A tombstone that one stamps may so go two minutes too soon by the clock of another,
 * and a clock that is set right may prolong a node's trust in what it holds by two more: of the hour between
 * `REPAIR_TRUST_MS` and `TOMBSTONE_GRACE_MS`, 56 minutes are left for a look. A key with a `ttl` goes as much
 * too early or late.
 */
export const CLOCK_SKEW_MAX_MS = 60_000

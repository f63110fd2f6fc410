// How long the processes of a node wait for each other.

/** How often primary and worker ask each other for a sign of life, after the last one. */
export const BEAT_MS = 500

/** A worker that is silent for so long gets no further task: at work, one answers within milliseconds. */
export const WORKER_STUCK_MS = 2_000

/**
 * A worker that is silent for so long is ended and replaced: it holds the connections that it has accepted,
 * and the node's task if it has one. No work on a request takes so long. With a beat's pause it is less than
 * the deadline of a call: a call in vain fails after the worker has been ended.
 */
export const WORKER_LOST_MS = 8_000

/**
 * After such a silence of its primary a worker says that it is not ready. Balancers act on it, so it is
 * longer than an overloaded machine's hiccups.
 */
export const PRIMARY_SILENT_MS = 5_000

/**
 * Longest time from the start of a worker process until it asks for the ring: it loads its code in a second,
 * and in many on an overloaded machine.
 */
export const WORKER_START_MS = 60_000

/**
 * Respawning workers, and the local cluster's HAProxy: first and longest pause; one that lived longer than
 * the longest pause starts afresh.
 */
export const RESPAWN_MIN_MS = 50

export const RESPAWN_MAX_MS = 5_000

/** Most worker processes of a node. */
export const WORKERS_LIMIT = 64

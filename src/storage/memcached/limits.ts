// The bounds of the way to Memcached: its protocol, its connections, and scans of all that it holds.

import { RING_BYTES } from '../../limits.ts'

/**
 * Longest wait for one Memcached answer. A healthy instance answers in under a millisecond; a paused one must
 * not hold a request for long.
 */
export const STORAGE_DEADLINE_MS = 1_000

/**
 * Data connections of one process to its Memcached. Two: one long answer does not hold back everything else.
 */
export const STORAGE_CONNECTIONS = 2

/**
 * Items above this size have one more connection for themselves; and of how many names it is remembered that
 * theirs are.
 */
export const LARGE_ITEM_BYTES = 64 * 1024
export const LARGE_NAMES = 4_096

/** Commands in flight on one Memcached connection; beyond them an operation is refused as overloaded. */
export const STORAGE_IN_FLIGHT = 8_192

/**
 * How often one merge starts over because another writer won the `add` or `cas`. Writers of one process queue
 * up, so only other processes compete.
 */
export const MERGE_ATTEMPTS = 64

/** Merges of one key that one process lets queue up. */
export const MERGES_PER_KEY = 1_024

/** Bytes that a Memcached connection reads at a time, into one buffer of its own. */
export const STORAGE_READ_BYTES = 64 * 1024

/**
 * Names that a scan holds in memory; a node with more is enumerated in several passes over ranges of slots.
 */
export const SCAN_NAMES_BYTES = 24 * 1024 * 1024

/**
 * Room for short-lived objects in the thread that reads dumps, MB: it makes few, and by default would take 10
 * MB more.
 */
export const SCAN_THREAD_YOUNG_MB = 2

/** Bytes of a dump that are read at a time. */
export const DUMP_CHUNK_BYTES = 64 * 1024

/** Longest wait for a Memcached that is busy with another dump. */
export const SCAN_BUSY_MS = 30_000

/** Longest silence in the middle of a dump. */
export const SCAN_STALL_MS = 15_000

/** Reconnecting: first and longest pause, milliseconds; each failure doubles it. */
export const RECONNECT_MIN_MS = 20
export const RECONNECT_MAX_MS = 1_000

/**
 * Longest name of a Memcached item, bytes, as Memcached has it; and the longest key that its name spells,
 * behind five characters of slot.
 */
export const MEMCACHED_NAME_BYTES = 250
export const MEMCACHED_KEY_BYTES = 240

/**
 * Longest line that Memcached sends on the data path: a `VALUE` line has under 320 bytes, error texts and
 * statistics under 1,100.
 */
export const MEMCACHED_LINE_BYTES = 2_048

/**
 * Largest item taken from Memcached: a ring under `-I 4m`. Anything beyond is garbage and not worth the
 * memory.
 */
export const MEMCACHED_ITEM_BYTES = RING_BYTES

/** Lines of one `stats` answer; 1.6 sends about a hundred. */
export const MEMCACHED_STATS = 1_000

/**
 * Commands up to so many bytes are copied into one buffer and one write; beyond, copying costs more than a
 * gathered write.
 */
export const STORAGE_JOIN_BYTES = 256 * 1024

/** Bytes that wait to be sent on one Memcached connection; beyond them a merge is refused as overloaded. */
export const STORAGE_UNSENT_BYTES = 64 * 1024 * 1024

/**
 * Longest wait for a Memcached answer behind others that keep arriving: a queue of large values is not a dead
 * instance.
 */
export const STORAGE_LONGEST_MS = 5_000

/** How often a process whose Memcached lacks the sentinel looks for it. */
export const SENTINEL_POLL_MS = 250

/**
 * Least pause between two log lines about unreadable items: a client that asks for one often must not fill
 * the log.
 */
export const UNREADABLE_LOG_MS = 1_000

/** Batches that a scan reads ahead of its consumer, so that Memcached and consumer work at the same time. */
export const SCAN_AHEAD = 3

/** Names of a scan lie in blocks of this size. */
export const SCAN_BLOCK_BYTES = 1024 * 1024

/** Dumps that wait for their turn in one process: Memcached makes one at a time. */
export const SCAN_DUMPS_WAITING = 32

/**
 * How long the thread of the dumps is kept when there is nothing to do: scans come in bursts, and it takes
 * memory.
 */
export const SCAN_THREAD_IDLE_MS = 10_000

/**
 * Longest wait for a dump under way when the storage is closed; reading it to its end spares older Memcached
 * a crash.
 */
export const SCAN_CLOSE_MS = 3_000

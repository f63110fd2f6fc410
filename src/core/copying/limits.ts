// The bounds of copying pairs between nodes.

/**
 * Looks that a fetch from the other replicas is put off by, at most, after it has failed again and again: ten
 * seconds.
 */
export const FETCH_LOOKS_SKIPPED = 20

/** Longest silence of a source during a recovery, milliseconds. */
export const PULL_STALL_MS = 15_000

/** Records, and their bytes, that are being merged at a time while pairs are copied. */
export const PULL_IN_FLIGHT = 1_024

export const PULL_BYTES_IN_FLIGHT = 8 * 1024 * 1024

/**
 * Most MB a second that one source gives one receiver unless it is told otherwise, so that a gigabit link
 * keeps room for clients; and what it may be told.
 */
export const COPY_MB_PER_S = 100

export const COPY_MB_PER_S_LIMIT = 10_000

/** Copying looks so often at what clients' requests take. */
export const PACE_WINDOW_MS = 200

/** Requests of a window without which it tells nothing, and those that are kept of a busy one. */
export const PACE_SAMPLES_MIN = 10

export const PACE_SAMPLES_MAX = 512

/** Of the requests one in so many is timed. */
export const PACE_EVERY = 4

/**
 * Copying gives way when the 99th percentile of a window is above so many times its usual level, and so many
 * milliseconds more.
 */
export const PACE_TOLERANCE = 1.5

export const PACE_TOLERANCE_MS = 1

/** Least share of the time that copying takes, and its longest rest. */
export const PACE_SHARE_MIN = 0.05

export const PACE_REST_MS = 250

/** How often a receiver tells how far it is. */
export const PROGRESS_MS = 250

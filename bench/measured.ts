// What is measured of a server under load.

/** `BATCH`: a hundred gets in one `/kv/batch`. */
export type Method = 'GET' | 'POST' | 'BATCH'

export interface Measured {
  readonly requests: number
  readonly requestsPerSecond: number
  readonly p99Ms: number
  /** Answers other than 2xx, batches in which a get failed, and connections that broke. */
  readonly errors: number
}

export interface Load {
  /** `host:port`. */
  readonly target: string
  /** Where it has the value of a key, `%s`. */
  readonly path: string
  readonly method: Method
  readonly seconds: number
  readonly connections: number
  /** Undefined: as much as goes. */
  readonly pace: Pace | undefined
}

/**
 * Up to so many requests per second, and the mean pause of a connection between an answer and its next
 * request that leaves them.
 */
export interface Pace {
  readonly requestsPerSecond: number
  readonly pauseMs: number
}

// The bounds of the local cluster and its balancer, with their reasons.

import { BULK_BYTES, INSTALL_DEADLINE_MS, STOP_DEADLINE_MS } from '../../limits.ts'

/** How often the local balancer asks each node whether it is ready, and the longest wait for the answer. */
export const BALANCER_CHECK_MS = 500
export const BALANCER_CHECK_DEADLINE_MS = 2_000

/** Largest body that the balancer passes on: the largest that a node takes. */
export const BALANCER_BODY_BYTES = BULK_BYTES

/**
 * Connections of one address at the balancer; HAProxy gets the same number here. Beyond it a request is
 * refused and its connection closed; of those that ask nothing an address may have a quarter more.
 */
export const SOURCE_CONNECTIONS = 500
export const SOURCE_CONNECTIONS_SILENT = SOURCE_CONNECTIONS * 1.25

/**
 * How long the balancer keeps an idle connection, and for how many seconds clients are told to count on it:
 * less, so that none ends just as it is used again.
 */
export const BALANCER_IDLE_MS = 20_000
export const BALANCER_IDLE_TOLD_S = 15

/**
 * Longest silence of a node in the middle of a request. A change of the ring answers only when its keys have
 * moved.
 */
export const BALANCER_SILENCE_MS = 600_000

/** Longest wait of a stopping balancer for requests in flight. */
export const BALANCER_STOP_MS = 1_000

/**
 * Local cluster: longest wait for all nodes to be ready, and for all to stop: a node's own bound and a little
 * more.
 */
export const LOCAL_READY_MS = 30_000
export const LOCAL_STOP_MS = STOP_DEADLINE_MS + 2_000

/** Longest wait of the launcher for one answer of a node; an install of its first ring is bounded too. */
export const LOCAL_ANSWER_MS = INSTALL_DEADLINE_MS + 1_000

/** How often something that has no event is looked at, such as a process that is coming up. */
export const LOCAL_POLL_MS = 50

/** Lines of a child's error output that are kept for the report of its death. */
export const LOCAL_ERROR_LINES = 20

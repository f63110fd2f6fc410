// The bounds of what nodes say to each other: hellos, looks for a silent node, frames, queues, greetings and
// clocks.

/**
 * Longest wait for each answer of the hello at the beginning of a connection; a node gives it without asking
 * anything else.
 */
export const HELLO_MS = 1_000

/** Longest answer to a hello, with its head: a name and a nonce. */
export const HELLO_ANSWER_BYTES = 4_096

/**
 * How long a request that lacks this node for its quorum waits for the answer to a look for a node that was
 * silent. A node that is back answers within milliseconds, as the question waits in its socket; one that
 * needs longer counts again when the look, which goes on, is answered.
 */
export const PEER_LOOK_MS = 250

/** Bytes in one frame between nodes, unless a single operation is larger. */
export const FRAME_BYTES = 4 * 1024 * 1024

/** Bytes of the records in one reply between nodes; gets beyond it have to be asked for again. */
export const REPLY_BYTES = 32 * 1024 * 1024

/**
 * Operations of a frame that are carried out at a time, so that few values are read in vain once the reply is
 * full.
 */
export const FRAME_OPS_AT_ONCE = 64

/**
 * Frames to one node that are under way at a time; operations gather while they are, so frames grow with the
 * load. Two, so that a slow one leaves a way; with four a hop costs a tenth more.
 */
export const PEER_FRAMES_IN_FLIGHT = 2

/** Connections to a node for what is no frame: pulls, votes, questions. Some last for minutes. */
export const PEER_ASIDES = 32

/** Operations for one node that wait for a frame; beyond them an operation is refused as overloaded. */
export const PEER_QUEUE = 8_192

/** Bytes of these operations together; likewise. */
export const PEER_QUEUE_BYTES = 64 * 1024 * 1024

/**
 * Longest time for a frame and the whole of its reply: a full one takes 3 s at 100 Mbit/s, and a node that
 * dribbles must not hold operations for ever.
 */
export const PEER_LONGEST_MS = 5_000

/** Longest wait for a connection to another node. */
export const PEER_CONNECT_MS = 1_000

/** How often each process tells a random other node which ring it has, milliseconds. */
export const GOSSIP_MS = 1_000

/**
 * How long a process keeps a ring that was just seeded to itself, but for the frames that it sends: an
 * operator seeds one node after the other.
 */
export const GOSSIP_AFTER_MS = 3_000

/** A difference of two clocks that is logged: far more than NTP leaves, and what a `ttl` is counted in. */
export const CLOCK_SKEW_WARN_MS = 1_000

/** A difference of two clocks that `/readyz` tells: more than nodes of one network, with NTP, are apart. */
export const CLOCK_SKEW_TOLD_MS = 100

/**
 * A measurement of another clock that may be off by more tells nothing: a process or the network was held up
 * meanwhile.
 */
export const CLOCK_VAGUE_MS = 250

/**
 * A clock that was not measured for so long counts no more. Greetings reach each of a hundred nodes sooner,
 * nearly always.
 */
export const CLOCK_FRESH_MS = 5 * 60 * 1000

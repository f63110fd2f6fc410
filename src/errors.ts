// The catalogue of operating errors: every code that a client, an operator or a peer can meet, with its
// status and one sentence. Programmer errors are not here: they are assertions.

interface CatalogueEntry {
  readonly status: number
  readonly text: string
}

const entry = (status: number, text: string): CatalogueEntry => ({ status, text })

export const CATALOGUE = {
  KV_ERR_MALFORMED: entry(400, 'the request is malformed'),
  KV_ERR_KEY_MISSING: entry(400, 'a key is needed, once'),
  KV_ERR_KEY_LENGTH: entry(400, 'a key has 1 to 1024 bytes of UTF-8'),
  KV_ERR_KEY_ENCODING: entry(400, 'a key is well-formed UTF-8, percent-encoded'),
  KV_ERR_VALUE_MISSING: entry(400, 'a value is needed, once'),
  KV_ERR_CONTENT_TYPE: entry(400, 'a content type has up to 256 bytes that a header may hold'),
  KV_ERR_TTL: entry(400, 'ttl is a whole number of seconds from 1 to 31536000'),
  KV_ERR_QUORUM_SIZE: entry(400, 'r and w are whole numbers from 1 to the number of replicas'),
  KV_ERR_SLOTS: entry(400, 'slots are whole numbers from 0 to 9999, the lower one first'),
  KV_ERR_RING_INVALID: entry(400, 'the ring is not valid'),
  KV_ERR_UNAUTHORIZED: entry(401, 'this request needs the cluster token'),
  KV_ERR_CERTIFICATE: entry(403, 'this request needs a certificate of the cluster'),
  KV_ERR_OUTSIDE: entry(403, 'this path answers to the operators only, from inside'),
  KV_ERR_NOT_FOUND: entry(404, 'no such key'),
  KV_ERR_UNKNOWN_NODE: entry(404, 'no such node on the ring'),
  KV_ERR_NO_ROUTE: entry(404, 'no such path or method'),
  KV_ERR_SLOW: entry(408, 'the request took too long to come'),
  KV_ERR_RING_CONFLICT: entry(409, 'the ring has changed in another way'),
  KV_ERR_NODE_NAME: entry(409, 'the node calls itself by another name'),
  KV_ERR_FENCED: entry(409, 'the sender has another ring'),
  KV_ERR_VALUE_TOO_LARGE: entry(413, 'a value has up to 1000000 bytes'),
  KV_ERR_BODY_TOO_LARGE: entry(413, 'the body is too large'),
  KV_ERR_MEDIA_TYPE: entry(415, 'the body has a media type that this path does not take'),
  KV_ERR_TOO_MANY: entry(429, 'too many connections or requests of one address at a time'),
  KV_ERR_FRAME: entry(400, 'the bytes between nodes are not a valid frame'),
  KV_ERR_RECORD: entry(400, 'the bytes are not a valid record'),
  KV_ERR_NODE_LOST: entry(502, 'the node went away before it answered; the outcome is unknown'),
  KV_ERR_NO_NODE: entry(503, 'the balancer has no node that is ready and has room'),
  KV_ERR_NO_RING: entry(503, 'this node has no ring yet'),
  KV_ERR_QUORUM: entry(503, 'too few replicas answered'),
  KV_ERR_OVERLOADED: entry(503, 'too many requests are waiting'),
  KV_ERR_STORAGE: entry(503, 'the storage of this node does not answer'),
  KV_ERR_RING_SPLIT: entry(503, "another ring has the number of this node's ring and other content"),
  KV_ERR_CLOCK: entry(503, 'the clock of this node is off'),
  KV_ERR_RECOVERING: entry(503, 'this node has lost its memory and is fetching it from the other replicas'),
  KV_ERR_STOPPING: entry(503, 'this node is about to stop'),
  KV_ERR_MEMBERS: entry(503, 'too few members of the ring answered'),
  KV_ERR_NODE_NOT_READY: entry(503, 'the node that is to receive pairs does not answer or is not ready'),
  KV_ERR_CHANGE_GOES_ON: entry(503, 'the change of the ring is not over yet; it goes on'),
  KV_ERR_BULK: entry(503, 'some pairs were not written'),
  KV_ERR_INSTALL: entry(503, 'the ring could not be installed'),
  KV_ERR_PRIMARY: entry(
    503,
    'the primary process of this node does not answer; requests are served, but no newer ring can ' +
      'come into force'
  ),
  KV_ERR_NODE_SILENT: entry(504, 'the node did not answer in time; the outcome is unknown'),
  KV_ERR_FULL: entry(507, 'the storage is full; the old value stands'),
  KV_ERR_CONFIG: entry(500, 'the environment is not valid'),
  KV_ERR_INTERNAL: entry(500, 'a defect in this server')
} as const

export type ErrorCode = keyof typeof CATALOGUE

/**
 * An operating error: `code` and `statusCode` from the catalogue, and a message with what is particular to
 * this case.
 */
export class KvError extends Error {
  readonly code: ErrorCode
  readonly statusCode: number
  /** Further fields of the JSON answer, such as the keys that a bulk write did not store. */
  readonly details: Record<string, unknown> | undefined

  constructor(code: ErrorCode, message?: string, details?: Record<string, unknown>) {
    super(message ?? CATALOGUE[code].text)
    this.name = 'KvError'
    this.code = code
    this.statusCode = CATALOGUE[code].status
    this.details = details
  }
}

// The environment of a node, read once and checked as a whole. What is unknown or contradicts itself stops
// the start with one line that names the variable.

import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { isNodeAddress } from '../core/ring/ring.ts'
import { KvError } from '../errors.ts'
import { REPLICAS_DEFAULT, REPLICAS_LIMIT } from '../limits.ts'
import { WORKERS_LIMIT } from '../core/processes/limits.ts'
import { COPY_MB_PER_S, COPY_MB_PER_S_LIMIT } from '../core/copying/limits.ts'

export interface Config {
  readonly host: string
  readonly port: number
  /** `host:port` by which other nodes reach this one; its name on the ring. */
  readonly node: string
  readonly storage: 'memory' | 'memcached'
  /** `host:port` or a socket's path. */
  readonly memcached: string
  /** Worker processes; 0: all in one process. */
  readonly workers: number
  readonly replicas: number
  /** Folder of the ring file; undefined: the ring dies with the process. */
  readonly stateDir: string | undefined
  readonly token: string | undefined
  /** Most that this node gives each receiver in a second while pairs are copied, bytes. */
  readonly copyBytesPerS: number
  /** Paths of PEM files; undefined: plain HTTP. */
  readonly tls: TlsFiles | undefined
  /**
   * True if anybody who reaches the node may do everything: it listens beyond this machine and has no token.
   */
  readonly exposed: boolean
  readonly logLevel: string
}

/**
 * The node's certificate and key, and the certificate of the authority that all nodes of the cluster have
 * theirs from.
 */
export interface TlsFiles {
  readonly cert: string
  readonly key: string
  readonly ca: string
}

type Environment = { readonly [name: string]: string | undefined }

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']

/**
 * The configuration that an environment describes. Throws `KV_ERR_CONFIG`. An empty variable is an unset one.
 */
export function readConfig(environment: Environment): Config {
  const text = (name: string) => (environment[name] === '' ? undefined : environment[name])

  const port = wholeNumber('PORT', text('PORT') ?? '5000', 1, 65535)
  const storage = oneOf('STORAGE', text('STORAGE') ?? 'memory', ['memory', 'memcached'] as const)
  const memcached = text('MEMCACHED') ?? '127.0.0.1:11211'
  if (!memcached.includes('/') && !isNodeAddress(memcached)) {
    throw refusal('MEMCACHED', `is host:port or the path of a socket, not "${memcached}"`)
  }
  if (storage === 'memory' && text('MEMCACHED') !== undefined) {
    throw refusal('MEMCACHED', 'is set, but STORAGE is memory')
  }
  const workers = wholeNumber(
    'WORKERS',
    text('WORKERS') ?? (storage === 'memory' ? '0' : String(availableParallelism())),
    0,
    WORKERS_LIMIT
  )
  if (storage === 'memory' && workers > 0) {
    throw refusal('WORKERS', 'must be 0 with STORAGE=memory, which one process holds')
  }
  const node = text('NODE_ADDRESS') ?? `127.0.0.1:${port}`
  if (!isNodeAddress(node)) throw refusal('NODE_ADDRESS', `is host:port, not "${node}"`)

  return {
    ...access(text),
    port,
    node,
    storage,
    memcached,
    workers,
    replicas: wholeNumber('REPLICAS', text('REPLICAS') ?? String(REPLICAS_DEFAULT), 1, REPLICAS_LIMIT),
    stateDir: text('STATE_DIR') ?? (storage === 'memcached' ? join('.ringkeep', String(port)) : undefined),
    copyBytesPerS:
      wholeNumber('COPY_MB_PER_S', text('COPY_MB_PER_S') ?? String(COPY_MB_PER_S), 1, COPY_MB_PER_S_LIMIT) *
      1_000_000,
    tls: tlsFiles(text),
    logLevel: oneOf('LOG_LEVEL', text('LOG_LEVEL') ?? 'info', LOG_LEVELS)
  }
}

/** Where the node listens, and who it answers. */
function access(text: (name: string) => string | undefined): Pick<Config, 'host' | 'token' | 'exposed'> {
  const token = text('CLUSTER_TOKEN')
  if (token !== undefined && !/^[\x21-\x7e]+$/.test(token)) {
    throw refusal('CLUSTER_TOKEN', 'consists of printable ASCII without spaces')
  }
  const host = text('HOST') ?? '0.0.0.0'
  const exposed = token === undefined && !/^(127\.[0-9.]+|::1|localhost)$/.test(host)
  const tokenRequired = oneOf('REQUIRE_TOKEN', text('REQUIRE_TOKEN') ?? '0', ['0', '1'] as const) === '1'
  if (exposed && tokenRequired) {
    throw refusal('CLUSTER_TOKEN', `is needed on ${host}, because REQUIRE_TOKEN is 1`)
  }
  return { host, token, exposed }
}

/** All three or none: nodes prove to each other who they are, and clients see the same certificate. */
function tlsFiles(text: (name: string) => string | undefined): TlsFiles | undefined {
  const [cert, key, ca] = [text('TLS_CERT'), text('TLS_KEY'), text('TLS_CA')]
  if (cert !== undefined && key !== undefined && ca !== undefined) return { cert, key, ca }
  const given = Object.entries({ TLS_CERT: cert, TLS_KEY: key, TLS_CA: ca })
  const missing = given.find(([, path]) => path === undefined)
  if (missing !== undefined && given.some(([, path]) => path !== undefined)) {
    throw refusal(missing[0], 'is missing: TLS_CERT, TLS_KEY and TLS_CA go together')
  }
  return undefined
}

function wholeNumber(name: string, value: string, min: number, max: number): number {
  const number = /^[0-9]{1,9}$/.test(value) ? Number(value) : NaN
  if (!(number >= min && number <= max)) {
    throw refusal(name, `is a whole number from ${min} to ${max}, not "${value}"`)
  }
  return number
}

function oneOf<T extends string>(name: string, value: string, choices: readonly T[]): T {
  const choice = choices.find(known => known === value)
  if (choice === undefined) throw refusal(name, `is one of ${choices.join(', ')}, not "${value}"`)
  return choice
}

function refusal(name: string, what: string): KvError {
  return new KvError('KV_ERR_CONFIG', `${name} ${what}`)
}

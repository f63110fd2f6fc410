// The application of one process, on one page: every plugin, in the order of their dependencies.

import fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyHttpOptions,
  type RawServerDefault
} from 'fastify'
import auth from '../plugins/auth/index.ts'
import clockPlugin from '../plugins/clock/index.ts'
import coordinator from '../plugins/coordinator/index.ts'
import changes from '../plugins/changes/index.ts'
import health from '../plugins/health/index.ts'
import migration from '../plugins/migration/index.ts'
import peers from '../plugins/peers/index.ts'
import consensus from '../plugins/consensus/index.ts'
import replica from '../plugins/replica/index.ts'
import requests, { answerError } from '../plugins/requests/index.ts'
import { RequestLog } from '../plugins/requests/log.ts'
import ring from '../plugins/ring/index.ts'
import { type Keeper } from './keeper/keeper.ts'
import route from '../plugins/route/index.ts'
import storage from '../plugins/storage/index.ts'
import unsent from '../plugins/unsent/index.ts'
import { parseForm } from './core/pairs/form.ts'
import { type Storage } from './core/ports.ts'
import { type TlsIdentity } from './core/messages/hello.ts'
import { type Clock } from './core/pairs/version.ts'
import { BODY_BYTES, CONNECTIONS, HEAD_MS, KEEP_ALIVE_MS, PATH_PART_CHARS, REQUEST_MS } from './limits.ts'

export interface AppOptions {
  readonly node: string
  readonly replicas: number
  readonly token: string | undefined
  /** Most that this node gives each receiver in a second, bytes. */
  readonly copyBytesPerS: number
  /** Undefined: plain HTTP. */
  readonly tls: TlsIdentity | undefined
  readonly storage: Storage
  readonly keeper: Keeper
  readonly clock: Clock
  readonly log: FastifyBaseLogger
}

/** Builds the application; it does not listen yet. */
export async function createApp(options: AppOptions): Promise<FastifyInstance> {
  const { node, replicas, token, tls, copyBytesPerS, keeper, clock, log } = options
  const app = fastify({
    ...serverOptions(tls),
    loggerInstance: log,
    logController: new RequestLog(),
    // One logger serves all requests: the few lines about a request name it themselves.
    childLoggerFactory: logger => logger,
    // Requests that come in over open connections while the process stops are still answered.
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    routerOptions: { querystringParser: parseForm, maxParamLength: PATH_PART_CHARS },
    bodyLimit: BODY_BYTES,
    frameworkErrors: answerError,
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: false } }
  })
  app.server.maxConnections = CONNECTIONS

  await app.register(requests)
  await app.register(unsent, { secure: tls !== undefined })
  await app.register(auth, { node, token, certified: tls !== undefined })
  await app.register(storage, { storage: options.storage })
  await app.register(clockPlugin, { clock })
  await app.register(ring, { node, keeper, replicas })
  await app.register(replica)
  await app.register(peers, { token, tls })
  await app.register(consensus, { keeper })
  await app.register(coordinator, { copyBytesPerS })
  await app.register(route)
  await app.register(migration, { keeper })
  await app.register(changes, { keeper })
  await app.register(health, { keeper })
  return app
}

/**
 * How long a client may take. With TLS a client is asked for a certificate and may have none: only what nodes
 * ask of each other needs one.
 */
function serverOptions(
  tls: TlsIdentity | undefined
): Pick<FastifyHttpOptions<RawServerDefault>, 'http' | 'requestTimeout' | 'keepAliveTimeout'> {
  const timeouts = { headersTimeout: HEAD_MS, connectionsCheckingInterval: HEAD_MS / 4 }
  const secured = tls && {
    https: {
      ...timeouts,
      handshakeTimeout: HEAD_MS,
      ...tls,
      requestCert: true,
      rejectUnauthorized: false,
      minVersion: 'TLSv1.2'
    }
  }
  return { requestTimeout: REQUEST_MS, keepAliveTimeout: KEEP_ALIVE_MS, http: timeouts, ...secured }
}

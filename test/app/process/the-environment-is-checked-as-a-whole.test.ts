// Every variable: its default, what it may be, and what it contradicts. The refusal names it.

import { availableParallelism } from 'node:os'
import t from 'tap'
import { readConfig } from '../../../src/process/config.ts'

t.test('nothing set', async t => {
  t.same(readConfig({}), {
    host: '0.0.0.0',
    port: 5000,
    node: '127.0.0.1:5000',
    storage: 'memory',
    memcached: '127.0.0.1:11211',
    workers: 0,
    replicas: 3,
    stateDir: undefined,
    token: undefined,
    copyBytesPerS: 100_000_000,
    tls: undefined,
    exposed: true,
    logLevel: 'info'
  })
  t.same(
    readConfig({
      HOST: '',
      PORT: '',
      NODE_ADDRESS: '',
      STORAGE: '',
      MEMCACHED: '',
      WORKERS: '',
      REPLICAS: '',
      STATE_DIR: '',
      CLUSTER_TOKEN: '',
      COPY_MB_PER_S: '',
      REQUIRE_TOKEN: '',
      TLS_CERT: '',
      TLS_KEY: '',
      TLS_CA: '',
      LOG_LEVEL: ''
    }),
    readConfig({}),
    'an empty variable is an unset one'
  )
})

t.test('with memcached', async t => {
  t.match(readConfig({ STORAGE: 'memcached', PORT: '5001' }), {
    storage: 'memcached',
    memcached: '127.0.0.1:11211',
    workers: Math.min(availableParallelism(), 64),
    stateDir: '.ringkeep/5001',
    node: '127.0.0.1:5001'
  })
  t.match(
    readConfig({ STORAGE: 'memcached', WORKERS: '0', STATE_DIR: '/var/x', MEMCACHED: '/run/memcached.sock' }),
    { workers: 0, stateDir: '/var/x', memcached: '/run/memcached.sock' }
  )
  t.match(readConfig({ STORAGE: 'memcached', MEMCACHED: 'cache.example:11212', WORKERS: '64' }), {
    memcached: 'cache.example:11212',
    workers: 64
  })
})

t.test('all set', async t => {
  t.match(
    readConfig({
      HOST: '::',
      PORT: '65535',
      NODE_ADDRESS: 'n1.example:80',
      REPLICAS: '16',
      STATE_DIR: 'x',
      CLUSTER_TOKEN: 's3cret!~',
      COPY_MB_PER_S: '10000',
      LOG_LEVEL: 'silent'
    }),
    {
      host: '::',
      port: 65535,
      node: 'n1.example:80',
      replicas: 16,
      stateDir: 'x',
      token: 's3cret!~',
      copyBytesPerS: 10_000_000_000,
      logLevel: 'silent'
    }
  )
  t.match(readConfig({ NODE_ADDRESS: '[::1]:5000' }), { node: '[::1]:5000' })
})

t.test('who may do what', async t => {
  for (const HOST of ['127.0.0.1', '127.1.2.3', '::1', 'localhost']) {
    t.equal(readConfig({ HOST, REQUIRE_TOKEN: '1' }).exposed, false, HOST)
  }
  for (const HOST of ['0.0.0.0', '::', '10.0.0.3', 'n1.example', '127.example']) {
    t.equal(readConfig({ HOST }).exposed, true, HOST)
    t.equal(readConfig({ HOST, CLUSTER_TOKEN: 'secret', REQUIRE_TOKEN: '1' }).exposed, false, HOST)
    t.throws(() => readConfig({ HOST, REQUIRE_TOKEN: '1' }), {
      code: 'KV_ERR_CONFIG',
      message: /^CLUSTER_TOKEN is needed on /
    })
  }
  t.same(readConfig({ TLS_CERT: 'c', TLS_KEY: 'k', TLS_CA: 'a' }).tls, { cert: 'c', key: 'k', ca: 'a' })
})

const REFUSED: Array<[environment: { [name: string]: string }, name: string]> = [
  ...['0', '65536', '-1', '1.5', 'x', ' 5000', '5000 ', '0x10', '1e3', '50000000000'].map(
    (PORT): [{ [name: string]: string }, string] => [{ PORT }, 'PORT']
  ),
  ...['Memory', 'redis', 'memory '].map((STORAGE): [{ [name: string]: string }, string] => [
    { STORAGE },
    'STORAGE'
  ]),
  ...[
    '127.0.0.1',
    ':5000',
    'host:0',
    'host:65536',
    'a b:5000',
    'http://host:5000',
    'host:5000/',
    `${'x'.repeat(255)}:5000`
  ].map((NODE_ADDRESS): [{ [name: string]: string }, string] => [{ NODE_ADDRESS }, 'NODE_ADDRESS']),
  ...['127.0.0.1', 'host:', 'host:99999', 'nonsense'].map(
    (MEMCACHED): [{ [name: string]: string }, string] => [{ STORAGE: 'memcached', MEMCACHED }, 'MEMCACHED']
  ),
  [{ MEMCACHED: '127.0.0.1:11211' }, 'MEMCACHED'],
  [{ STORAGE: 'memory', MEMCACHED: '/run/memcached.sock' }, 'MEMCACHED'],
  ...['-1', '65', 'x', '1.5'].map((WORKERS): [{ [name: string]: string }, string] => [
    { STORAGE: 'memcached', WORKERS },
    'WORKERS'
  ]),
  [{ WORKERS: '1' }, 'WORKERS'],
  ...['0', '17', '-1', 'x', '2.5'].map((REPLICAS): [{ [name: string]: string }, string] => [
    { REPLICAS },
    'REPLICAS'
  ]),
  ...['two words', 'tab\t', 'ü', ' '].map((CLUSTER_TOKEN): [{ [name: string]: string }, string] => [
    { CLUSTER_TOKEN },
    'CLUSTER_TOKEN'
  ]),
  ...['0', '10001', '-1', 'x', '0.5'].map((COPY_MB_PER_S): [{ [name: string]: string }, string] => [
    { COPY_MB_PER_S },
    'COPY_MB_PER_S'
  ]),
  ...['yes', 'true', '2'].map((REQUIRE_TOKEN): [{ [name: string]: string }, string] => [
    { REQUIRE_TOKEN },
    'REQUIRE_TOKEN'
  ]),
  [{ TLS_CERT: 'c' }, 'TLS_KEY'],
  [{ TLS_KEY: 'k', TLS_CA: 'a' }, 'TLS_CERT'],
  [{ TLS_CERT: 'c', TLS_KEY: 'k' }, 'TLS_CA'],
  ...['verbose', 'INFO', '30'].map((LOG_LEVEL): [{ [name: string]: string }, string] => [
    { LOG_LEVEL },
    'LOG_LEVEL'
  ])
]

for (const [environment, name] of REFUSED) {
  t.test(`${JSON.stringify(environment).slice(0, 60)} is refused`, async t => {
    t.throws(() => readConfig(environment), {
      code: 'KV_ERR_CONFIG',
      message: new RegExp(`^${name} [^\n]+$`)
    })
  })
}

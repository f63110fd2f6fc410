// What an operator takes out of a node, or empties, over a storage that the test fills: `/fetch_keys` lists
// what can be seen, `/migrate` everything in a range of slots, `/clear_cache` leaves nothing.

import fastify from 'fastify'
import t from 'tap'
import { exportRoutes } from '../../../plugins/migration/export.ts'
import requests from '../../../plugins/requests/index.ts'
import { type Pair, type SlotFilter } from '../../../src/core/ports.ts'
import { tombstone, type PairRecord } from '../../../src/core/pairs/record.ts'
import { formatVersion } from '../../../src/core/pairs/version.ts'
import { fakeStorage } from './copying-fakes.ts'

const VERSION = { timeMs: 1, counter: 2, writer: 3 }
const BYTES = Buffer.from([0xff, 0x00, 0xfe])
const NOW_MS = 1_000

const recordOf = (value: string | Buffer, more: Partial<PairRecord> = {}): PairRecord => ({
  version: VERSION,
  deleted: false,
  expiresAtMs: 0,
  contentType: '',
  value: Buffer.from(value),
  ...more
})
const GONE: Pair = { slot: 3, key: 'gone', record: tombstone(VERSION, NOW_MS) }
const OVER: Pair = { slot: 4, key: 'over', record: recordOf('x', { expiresAtMs: NOW_MS }) }
const TEXT: Pair = { slot: 1, key: 'text', record: recordOf('ü', { contentType: 'text/x' }) }
const RAW: Pair = { slot: 2, key: 'raw', record: recordOf(BYTES, { expiresAtMs: NOW_MS + 1 }) }

async function setup(batches: readonly Pair[][]) {
  const scanned: SlotFilter[] = []
  const purged: SlotFilter[] = []
  const storage = Object.assign(fakeStorage(), {
    async *scan(slots: SlotFilter) {
      scanned.push(slots)
      yield* batches
    },
    async purge(slots: SlotFilter) {
      purged.push(slots)
      return 1
    }
  })
  const app = fastify()
  app.decorate('storage', storage)
  app.decorate('clock', { wallMs: () => NOW_MS } as (typeof app)['clock'])
  await app.register(requests)
  exportRoutes(app)
  return { get: (url: string) => app.inject(url), scanned, purged }
}

const chosen = (filters: readonly SlotFilter[]) =>
  [0, 9, 10, 20, 21, 9999].filter(slot => filters.length === 1 && filters[0]?.(slot))

t.test('/fetch_keys: what can be seen, text as it is and other bytes in base64', async t => {
  const { get, scanned } = await setup([[TEXT, GONE], [OVER], [RAW]])
  const { statusCode, headers, payload } = await get('/fetch_keys')
  t.equal(statusCode, 200)
  t.match(headers, { 'content-type': 'application/json; charset=utf-8' })
  t.equal(payload, `[["text","ü"],\n["raw",{"base64":"${BYTES.toString('base64')}"}]]\n`)
  t.same(chosen(scanned), [0, 9, 10, 20, 21, 9999])
})

t.test('/fetch_keys: an empty list where nothing can be seen', async t => {
  for (const batches of [[], [[]], [[GONE], [OVER]]]) {
    t.equal((await (await setup(batches)).get('/fetch_keys')).payload, '[]\n')
  }
})

t.test('/migrate: all of the range, each with what is to be known of it', async t => {
  const { get, scanned } = await setup([[TEXT, GONE], [RAW]])
  const { statusCode, headers, payload } = await get('/migrate/10/20')
  t.equal(statusCode, 200)
  t.match(headers, { 'content-type': 'application/x-ndjson; charset=utf-8' })
  const version = formatVersion(VERSION)
  t.same(
    payload
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line)),
    [
      { key: 'text', value: 'ü', encoding: 'utf8', version, contentType: 'text/x' },
      { key: 'gone', value: '', encoding: 'utf8', version, expires: NOW_MS, deleted: true },
      { key: 'raw', value: BYTES.toString('base64'), encoding: 'base64', version, expires: NOW_MS + 1 }
    ]
  )
  t.ok(payload.endsWith('\n'))
  t.same(chosen(scanned), [10, 20], 'both ends of the range belong to it')
})

t.test('/migrate: what is no range', async t => {
  const { get, scanned } = await setup([])
  for (const range of ['20/10', '0/10000', 'x/10', '0/-1']) {
    t.match((await get(`/migrate/${range}`)).json(), { code: 'KV_ERR_SLOTS' }, range)
  }
  t.same(scanned, [])
  t.equal((await get('/migrate/10/10')).statusCode, 200, 'one slot is one')
  t.same(chosen(scanned), [10])
})

t.test('/clear_cache: everything goes', async t => {
  const { get, purged } = await setup([])
  const { statusCode, headers, payload } = await get('/clear_cache')
  t.match({ statusCode, payload }, { statusCode: 200, payload: 'OK' })
  t.match(headers, { 'content-type': 'text/plain; charset=utf-8' })
  t.same(chosen(purged), [0, 9, 10, 20, 21, 9999])
})

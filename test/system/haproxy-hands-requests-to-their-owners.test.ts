// HAProxy in its token-aware mode, with its map kept true by `ringkeep-slots`: it computes the slot of every
// kind of request as the nodes do, and soon after a change of the ring, or its own restart, it hands each to
// the owner again. A map that is wrong costs a hop only.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import { request } from 'undici'
import { type TlsIdentity } from '../../src/core/messages/hello.ts'
import { createRuntime } from '../../src/programs/slots/runtime.ts'
import { readTls } from '../../src/process/tls.ts'
import { createCertificate } from '../support/cluster/certificates.ts'
import { startCluster, type TestNode } from '../support/cluster/cluster.ts'
import { fileOfProject } from '../support/cluster/ending.ts'
import { startHaproxy, type TestHaproxy } from '../support/cluster/haproxy.ts'
import { until } from '../support/cluster/memcached.ts'
import { startNodes } from '../support/cluster/nodes.ts'
import { needs } from '../support/cluster/programs.ts'
import { askChange } from '../support/cluster/ring-requests.ts'

t.setTimeout(300_000)

const KEYS = Array.from({ length: 150 }, (_, i) =>
  i % 3 === 0 ? `key ${i} +&=%/?` : i % 3 === 1 ? `schlüssel-${i}` : `key-${i}`
)

type Ask = (key: string) => Promise<{ readonly owner: string; readonly text: string }>

/** The program that keeps the map true, until the test ends. */
function startFollower(
  t: Test,
  { slots }: TestHaproxy,
  more: NodeJS.ProcessEnv = {}
): { stop(): Promise<unknown> } {
  const env = {
    ...process.env,
    NODE_OPTIONS: '',
    LOG_LEVEL: 'silent',
    RINGKEEP_SOCKET: slots?.socket,
    RINGKEEP_SLOTS: slots?.map,
    ...more
  }
  const child = spawn(process.execPath, [fileOfProject('dist/src/programs/slots/main.js')], {
    env,
    stdio: 'ignore'
  })
  const ended = once(child, 'exit')
  const stop = (): Promise<unknown> => {
    child.kill('SIGTERM')
    return ended
  }
  t.teardown(stop)
  return { stop }
}

function untilMapNames(server: string, { slots }: TestHaproxy): Promise<void> {
  return until(`the map names ${server}`, async () =>
    (await createRuntime(slots?.socket as string).ask(`show map ${slots?.map}`)).includes(` ${server}`)
  )
}

/** How many requests each server of the backend has got. */
async function served({ slots }: TestHaproxy): Promise<Map<string, number>> {
  const lines = (await createRuntime(slots?.socket as string).ask('show stat nodes 4 -1')).split('\n')
  const [columns, ...rows] = lines.map(line => line.split(','))
  const [name, total] = ['svname', 'stot'].map(column => columns?.indexOf(column) ?? -1) as [number, number]
  return new Map(rows.filter(row => row.length > 1).map(row => [row[name] as string, Number(row[total])]))
}

/** The share of the keys whose requests reach another server than their owner's. */
async function hops(
  haproxy: TestHaproxy,
  nodes: ReadonlyArray<{ readonly address: string }>,
  ask: Ask
): Promise<number> {
  let elsewhere = 0
  for (const key of KEYS) {
    const before = await served(haproxy)
    const { owner } = await ask(key)
    const after = await served(haproxy)
    const server = `n${nodes.findIndex(({ address }) => address === owner) + 1}`
    if ((after.get(server) ?? 0) === (before.get(server) ?? 0)) elsewhere++
  }
  return elsewhere / KEYS.length
}

async function answered(
  url: string,
  options: NonNullable<Parameters<typeof request>[1]>,
  status: number
): Promise<{ owner: string; text: string }> {
  const { statusCode, headers, body } = await request(url, options)
  const text = await body.text()
  if (statusCode !== status) throw new Error(`${url}: ${statusCode} ${text}`)
  return { owner: String(headers['x-owner']), text }
}

t.test('a stable ring, a change, and no map at all', async t => {
  if (!needs(t, 'haproxy')) return
  const cluster = await startCluster(t, { tokens: [3000, 8000], standbys: 1 })
  const haproxy = await startHaproxy(
    t,
    cluster.nodes.map(({ address }) => address),
    { tokenAware: true }
  )
  const form = (key: string) => new URLSearchParams({ key, val: `of ${key}` }).toString()
  const ways: Record<string, Ask> = {
    'POST /route': key =>
      answered(
        `${haproxy.url}/route`,
        { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: form(key) },
        200
      ),
    'GET /route': key => answered(`${haproxy.url}/route?${new URLSearchParams({ key })}`, {}, 200),
    'PUT /kv': key =>
      answered(`${haproxy.url}/kv/${encodeURIComponent(key)}`, { method: 'PUT', body: `of ${key}` }, 204),
    'GET /kv': key => answered(`${haproxy.url}/kv/${encodeURIComponent(key)}`, {}, 200)
  }
  const read = ways['GET /route'] as Ask

  await t.test('with an empty map requests go round', async t => {
    const share = await hops(haproxy, cluster.nodes, ways['POST /route'] as Ask)
    t.comment(`${share} of the requests took a hop`)
    t.ok(share > 0.5)
  })

  const follower = startFollower(t, haproxy)
  await untilMapNames('n1', haproxy)
  for (const [way, ask] of Object.entries(ways)) {
    await t.test(way, async t => {
      const share = await hops(haproxy, cluster.nodes, ask)
      t.comment(`${share} of the requests took a hop`)
      t.ok(share < 0.02)
    })
  }

  await t.test('batches go round', async t => {
    const before = await served(haproxy)
    const operations = [{ op: 'get', key: 'none' }]
    for (let i = 0; i < 10; i++) {
      await answered(
        `${haproxy.url}/kv/batch`,
        {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ operations })
        },
        200
      )
    }
    const after = await served(haproxy)
    for (const name of ['n1', 'n2', 'n3']) t.ok((after.get(name) ?? 0) - (before.get(name) ?? 0) >= 3, name)
  })

  await t.test('after a node has joined', async t => {
    const [first, , third] = cluster.nodes as [TestNode, TestNode, TestNode]
    t.match(await askChange(first, `/add_node/5000/${third.address}`), { status: 200 })
    const beganMs = performance.now()
    await untilMapNames('n3', haproxy)
    t.comment(`${Math.round(performance.now() - beganMs)} ms until the map names it`)
    t.ok((await hops(haproxy, cluster.nodes, read)) < 0.02)
  })

  await t.test('a map that is wrong, and nobody to mend it', async t => {
    await follower.stop()
    await createRuntime(haproxy.slots?.socket as string).replaceMap(
      haproxy.slots?.map as string,
      new Map([['0:9999', 'n1']])
    )
    for (const key of KEYS) t.equal((await read(key)).text, `of ${key}`)
  })

  await t.test('a node that is down', async t => {
    await (cluster.nodes[1] as TestNode).kill()
    for (const key of KEYS) t.equal((await read(key)).text, `of ${key}`)
  })
})

t.test('nodes that speak TLS', async t => {
  if (!needs(t, 'haproxy', 'openssl')) return
  const certificate = await createCertificate(t)
  const nodes = await startNodes(t, 2, {
    tls: readTls(certificate) as TlsIdentity,
    token: 'secret',
    replicas: 1
  })
  const haproxy = await startHaproxy(
    t,
    nodes.map(({ address }) => address),
    { tokenAware: true, ca: certificate.ca }
  )
  const write: Ask = key =>
    answered(`${haproxy.url}/kv/${encodeURIComponent(key)}`, { method: 'PUT', body: `of ${key}` }, 204)
  const read: Ask = key => answered(`${haproxy.url}/kv/${encodeURIComponent(key)}`, {}, 200)
  startFollower(t, haproxy, { RINGKEEP_CA: certificate.ca, CLUSTER_TOKEN: 'secret' })
  await untilMapNames('n1', haproxy)
  t.ok((await hops(haproxy, nodes, write)) < 0.02)
  for (const key of KEYS) t.equal((await read(key)).text, `of ${key}`)
})

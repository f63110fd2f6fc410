// The course project's four scenarios on real processes: routing of twelve keys, reading them, a node that
// joins, a node that leaves. Each node has a Memcached of its own and two workers, and every request but the
// looks into a node's own storage goes through HAProxy.

import t, { type Test } from 'tap'
import { startCluster, startNode, type TestNode } from '../support/cluster/cluster.ts'
import { startHaproxy } from '../support/cluster/haproxy.ts'
import { until } from '../support/cluster/memcached.ts'
import { needs } from '../support/cluster/programs.ts'

t.setTimeout(600_000)

const OF_N1 = ['roof', 'saddle', 'mist', 'flower', 'shoes', 'ship']
/** In slots 3001 to 5000. */
const TO_N3 = ['bed', 'bathtub', 'bee']
/** In slots 5001 to 8000. */
const TO_N1 = ['finger', 'gate', 'gas']
const KEYS = [...OF_N1, ...TO_N3, ...TO_N1]

/** Looks on every connection of HAProxy in turn, so that each worker of each node has its say. */
const ROUNDS = 6

async function text(url: string, init?: RequestInit): Promise<string> {
  const answer = await fetch(url, init)
  return `${answer.status} ${await answer.text()}`
}

/** Whose each key is, wherever it is asked; and that every key has its value. */
async function checkKeys(
  t: Test,
  url: string,
  owners: ReadonlyArray<readonly [keys: readonly string[], owner: TestNode]>
): Promise<void> {
  for (const [keys, { address }] of owners) {
    for (const key of keys) {
      const found = new Set<string>()
      for (let round = 0; round < ROUNDS; round++) {
        found.add(`${await text(`${url}/route_test?key=${key}`)}, ${await text(`${url}/route?key=${key}`)}`)
      }
      t.same([...found], [`200 ${address}, 200 value of ${key}`], `${key} is at ${address}`)
    }
  }
}

/** What lies in the storage of each node, once sources have purged what they gave. */
async function checkStorage(
  t: Test,
  held: ReadonlyArray<readonly [node: TestNode, keys: readonly string[]]>
): Promise<void> {
  const keysOf = async ({ url }: TestNode): Promise<string> =>
    (await text(`${url}/migrate/0/9999`))
      .slice(4)
      .split('\n')
      .filter(line => line !== '')
      .map(line => JSON.parse(line).key)
      .sort()
      .join()
  for (const [node, keys] of held) {
    await until(
      `${node.address} holds ${keys.join()}`,
      async () => (await keysOf(node)) === [...keys].sort().join()
    )
    for (const key of KEYS) {
      t.equal(
        await text(`${node.url}/cache?key=${key}`),
        keys.includes(key) ? `200 value of ${key}` : '404 N/A',
        `${key} at ${node.address}`
      )
    }
  }
}

/** Every worker of every node has this ring. */
async function checkRing(
  t: Test,
  nodes: readonly TestNode[],
  ring: { readonly [token: string]: string }
): Promise<void> {
  for (const { url } of nodes) {
    for (let round = 0; round < ROUNDS; round++) {
      const {
        ring: tokens,
        _sorted_keys: sorted,
        next
      } = (await (await fetch(`${url}/hash_ring`, { headers: { connection: 'close' } })).json()) as {
        ring: object
        _sorted_keys: number[]
        next?: object
      }
      t.same([tokens, sorted, next], [ring, Object.keys(ring).map(Number), undefined])
    }
  }
}

t.test('routing, reading, adding n3, removing n2', async t => {
  if (!needs(t, 'memcached', 'haproxy')) return
  const options = { replicas: 1, storage: 'memcached', env: { WORKERS: '2' } } as const
  const {
    nodes: [n1, n2]
  } = (await startCluster(t, { ...options, tokens: [3000, 8000] })) as unknown as {
    nodes: [TestNode, TestNode]
  }
  const n3 = await startNode(t, options)
  await until(
    'n3, which has no ring, is alive',
    async () => (await fetch(`${n3.url}/livez`).catch(() => undefined))?.status === 200,
    30_000
  )
  const { url } = await startHaproxy(
    t,
    [n1, n2, n3].map(({ address }) => address)
  )
  await until('HAProxy has found that n3 is not ready', async () =>
    (await Promise.all(Array.from({ length: ROUNDS }, () => fetch(`${url}/readyz`)))).every(
      ({ status }) => status === 200
    )
  )

  for (const key of KEYS) {
    t.equal(
      await text(`${url}/route`, {
        method: 'POST',
        body: new URLSearchParams({ key, val: `value of ${key}` })
      }),
      '200 OK'
    )
  }
  await checkKeys(t, url, [
    [OF_N1, n1],
    [[...TO_N3, ...TO_N1], n2]
  ])
  await checkStorage(t, [
    [n1, OF_N1],
    [n2, [...TO_N3, ...TO_N1]]
  ])

  t.equal(await text(`${url}/add_node/5000/${n3.address}`), '200 OK')
  await checkRing(t, [n1, n2, n3], { 3000: n1.address, 5000: n3.address, 8000: n2.address })
  await checkKeys(t, url, [
    [OF_N1, n1],
    [TO_N3, n3],
    [TO_N1, n2]
  ])
  await checkStorage(t, [
    [n1, OF_N1],
    [n2, TO_N1],
    [n3, TO_N3]
  ])

  t.equal(await text(`${url}/remove_node/${n2.address}`), '200 OK')
  await checkRing(t, [n1, n2, n3], { 3000: n1.address, 5000: n3.address })
  await checkKeys(t, url, [
    [[...OF_N1, ...TO_N1], n1],
    [TO_N3, n3]
  ])
  await checkStorage(t, [
    [n1, [...OF_N1, ...TO_N1]],
    [n2, []],
    [n3, TO_N3]
  ])
})

// `/ring/changes`: no change, one under way with its receivers and whom they wait for, one that is done or
// was given up; as JSON or as a stream of events that ends with the change.

import t from 'tap'
import { noStateFiles, type StateFiles } from '../../../src/keeper/state-file.ts'
import { until } from '../../support/cluster/memcached.ts'
import { startNodes } from '../../support/cluster/nodes.ts'
import { changesOf, createGate, isOk, ringOf, writeKeys } from '../../support/cluster/ring-changes.ts'

const EVENTS = { headers: { accept: 'text/event-stream' } }

const eventsOf = (text: string) =>
  text
    .split('\n\n')
    .slice(0, -1)
    .map(event => JSON.parse(event.replace(/^data: /, '')))

t.test('from none to done', async t => {
  const gate = createGate()
  const nodes = await startNodes(t, 3, { replicas: 1, members: 2, wrap: gate.wrap })
  const [a, b, c] = nodes
  const none = { state: 'none', receivers: [], keys: 0, bytes: 0 }
  for (const node of nodes) t.same(await changesOf(node), none)
  t.same(
    eventsOf((await a.ask('/ring/changes', EVENTS)).text),
    [none],
    'a stream about no change ends at once'
  )
  await writeKeys(t, a, 300)
  t.match(await a.ask(`/add_node/4999/${c.address}`), { status: 409 })
  t.match(await changesOf(a), none, 'what is refused is no change')
  gate.close()
  const asked = a.ask(`/add_node/4998/${c.address}`)
  await gate.held()
  const stream = b.ask('/ring/changes', EVENTS)
  await until('some keys have come', async () => (await changesOf(b)).keys > 0)
  const { generation } = await ringOf(a)
  for (const node of nodes) {
    const state = await changesOf(node)
    t.match(state, {
      state: 'under way',
      generation,
      epoch: 2,
      since: 2,
      from: { 4999: a.address, 9999: b.address },
      to: { 4998: c.address, 4999: a.address, 9999: b.address },
      receivers: [
        {
          node: c.address,
          received: false,
          keys: 128,
          bytes: Number,
          keysPerSecond: Number,
          bytesPerSecond: Number,
          estimateS: Number
        }
      ],
      keys: 128
    })
    t.equal(state.bytes, state.receivers[0].bytes)
    t.ok(
      state.bytes > 128 * 20 && state.receivers[0].keysPerSecond > 0 && state.receivers[0].bytesPerSecond > 0
    )
  }
  gate.open()
  isOk(t, await asked, 'it ends')
  const moved = (await c.storage.stats()).pairs
  for (const node of nodes) {
    const {
      receivers: [receiver, ...others],
      ...done
    } = await changesOf(node)
    t.match(done, { state: 'done', epoch: 3, since: 2, keys: moved })
    t.match([receiver, others], [{ node: c.address, received: true, keys: moved }, []])
    t.notOk('estimateS' in receiver || 'waitsFor' in receiver)
  }
  const answer = await stream
  t.match(answer, { status: 200, headers: { 'content-type': /^text\/event-stream/ } })
  const events = eventsOf(answer.text)
  t.equal(events[0].state, 'under way')
  t.match(events.at(-1), { state: 'done', keys: moved })
})

t.test('whom it waits for', async t => {
  const gate = createGate()
  const [a, b, c] = await startNodes(t, 3, { replicas: 1, members: 2, wrap: gate.wrap })
  await writeKeys(t, a, 40)
  gate.close()
  isOk(
    t,
    await a.ask('/update_ring', { method: 'POST', body: { ip: c.address, key: '4000', task: 'add' } }),
    'proposed'
  )
  await gate.held()
  await c.stop()
  await until(
    'the receiver is missed',
    async () => (await changesOf(b)).receivers[0].waitsFor === `${c.address} does not answer`
  )
  t.match(await changesOf(a), {
    state: 'under way',
    receivers: [{ node: c.address, received: false, keys: 0 }]
  })
  await a.stop()
  gate.open()
  await c.start()
  await until('the source is missed', async () =>
    (await changesOf(c)).receivers[0]?.waitsFor?.startsWith(`${a.address}: `)
  )
  await a.start()
  await until('it is done', async () => (await changesOf(b)).state === 'done')
  t.match(await changesOf(b), { receivers: [{ received: true }] })
})

t.test('a receiver that cannot take the ring over, or cannot say that it has everything', async t => {
  let isFull = false
  const files = (index: number): StateFiles =>
    index !== 2
      ? noStateFiles
      : {
          ...noStateFiles,
          ring: {
            read: async () => undefined,
            write: async () => {
              if (isFull) throw new Error('no space left on device')
            }
          }
        }
  const gate = createGate()
  const [a, b, c] = await startNodes(t, 3, { replicas: 1, members: 2, files, wrap: gate.wrap })
  await writeKeys(t, a, 40)
  const receiver = async () => (await changesOf(a)).receivers[0]
  // Its tidiness is asked for before; from then on the disk is full.
  gate.close()
  isFull = true
  isOk(
    t,
    await a.ask('/update_ring', { method: 'POST', body: { ip: c.address, key: '4000', task: 'add' } }),
    'proposed'
  )
  await until(
    'it says why',
    async () =>
      (await receiver()).waitsFor === 'the ring file of this node cannot be written: no space left on device'
  )
  isFull = false
  await gate.held()
  await b.stop()
  gate.open()
  await until('it waits for a member', async () =>
    /^too few members|^127/.test((await receiver()).waitsFor ?? '')
  )
  await b.start()
  await until('it is done', async () => (await changesOf(b)).state === 'done')
})

t.test('given up, and a change that moves nothing', async t => {
  const gate = createGate()
  const [a, b, c] = await startNodes(t, 3, { replicas: 2, members: 2, wrap: gate.wrap })
  await writeKeys(t, a, 40)
  gate.close()
  const adding = a.ask(`/add_node/4000/${c.address}`)
  await gate.held()
  isOk(t, await b.ask('/ring/abort', { method: 'POST' }), 'given up')
  t.match(await adding, { status: 409 })
  for (const node of [a, b, c]) {
    const {
      state,
      from,
      to,
      receivers: [receiver]
    } = await changesOf(node)
    t.match({ state, from, to }, { state: 'given up', from: { 4999: a.address }, to: { 4000: c.address } })
    t.match(receiver, { node: c.address, received: false })
  }
  gate.open()
  isOk(t, await a.ask(`/add_node/1/${b.address}`), 'a further token of a node that holds everything')
  for (const node of [a, b]) {
    t.match(await changesOf(node), {
      state: 'done',
      epoch: 4,
      since: 4,
      to: { 1: b.address, 4999: a.address },
      receivers: [],
      keys: 0
    })
  }
})

// What a node answers to another's frame, by the rings of both: only where they are the same is anything
// done.

import t, { type Test } from 'tap'
import { digestOf } from '../../../src/core/ring/digest.ts'
import { type Ring } from '../../../src/core/ring/ring.ts'
import { ringToJson } from '../../../src/core/ring/ring-json.ts'
import { slotOf } from '../../../src/core/pairs/slot.ts'
import { decodeReply, encodeRequest, type Operation } from '../../../src/core/messages/frame.ts'
import { startNodes, type TestNode } from '../../support/cluster/nodes.ts'

const RECORD = {
  version: { timeMs: 1, counter: 0, writer: 1 },
  deleted: false,
  expiresAtMs: 0,
  contentType: '',
  value: Buffer.from('v')
}
const MERGE: Operation = { slot: slotOf('k'), key: 'k', record: RECORD }

async function setup(t: Test) {
  const [node, standby] = await startNodes(t, 2, { members: 1 })
  const ring = node.keeper.ring as Ring
  const send = async (to: TestNode, ring: Ring, withRing = false) => {
    const body = encodeRequest({
      ring,
      digest: digestOf(ring),
      ringJson: withRing ? JSON.stringify(ringToJson(ring)) : undefined,
      operations: [MERGE]
    })
    const answer = await to.ask('/internal/ops', {
      method: 'POST',
      headers: { 'content-type': 'application/octet-stream' },
      body
    })
    return { status: answer.status, ...decodeReply(answer.body) }
  }
  const stored = async () => (await node.ask('/cache?key=k')).status === 200
  return { node, standby, ring, send, stored }
}

t.test('the same ring: it is done', async t => {
  const { node, ring, send, stored } = await setup(t)
  t.match(await send(node, ring), {
    status: 200,
    verdict: 'served',
    answers: [{ kind: 'stored' }],
    clockMs: undefined
  })
  t.ok(await stored())
})

t.test('an older ring: the newer one comes back', async t => {
  const { node, ring, send, stored } = await setup(t)
  for (const older of [
    { ...ring, generation: ring.generation - 1, epoch: 9 },
    { ...ring, epoch: 0 }
  ]) {
    t.match(await send(node, older), {
      status: 409,
      verdict: 'ahead',
      ringJson: JSON.stringify(ringToJson(ring)),
      answers: []
    })
  }
  t.notOk(await stored())
})

t.test('a newer ring: it is asked for, installed, and then it is done', async t => {
  const { node, ring, send, stored } = await setup(t)
  const newer = { ...ring, epoch: 2 }
  t.match(await send(node, newer), { status: 409, verdict: 'behind', ringJson: undefined, answers: [] })
  t.notOk(await stored())
  t.equal(node.keeper.ring?.epoch, 1)
  t.match(await send(node, newer, true), { status: 200, verdict: 'served', answers: [{ kind: 'stored' }] })
  t.equal(node.keeper.ring?.epoch, 2)
  t.ok(await stored())
})

t.test('a newer ring of another cluster: refused', async t => {
  const { node, standby, ring, send, stored } = await setup(t)
  const foreign = { ...ring, generation: ring.generation + 1, tokens: [{ position: 1, node: '127.0.0.1:9' }] }
  t.match(await send(node, foreign, true), {
    status: 409,
    verdict: 'foreign',
    ringJson: undefined,
    answers: []
  })
  t.equal(node.keeper.ring?.generation, ring.generation)
  t.notOk(await stored())
  t.match(
    await send(standby, foreign, true),
    { status: 200, verdict: 'served' },
    'a node that is no member may join'
  )
  t.equal(standby.keeper.ring?.generation, foreign.generation)
})

t.test(
  "a ring of the same number and other content: the receiver's comes back, and nothing is done",
  async t => {
    const { node, ring, send, stored } = await setup(t)
    const other = { ...ring, replicas: ring.replicas + 1 }
    for (const withRing of [false, true]) {
      t.match(await send(node, other, withRing), {
        status: 409,
        verdict: 'split',
        ringJson: JSON.stringify(ringToJson(ring)),
        answers: []
      })
    }
    t.notOk(await stored())
    t.equal((await node.ask('/readyz')).status, 200, 'a frame is no proof, as it does not tell who sent it')
  }
)

t.test('a newer ring that is not the one which the frame names: nothing is done', async t => {
  const { node, ring, stored } = await setup(t)
  const newer = { ...ring, epoch: 2 }
  const body = encodeRequest({
    ring: newer,
    digest: digestOf(ring),
    ringJson: JSON.stringify(ringToJson(newer)),
    operations: [MERGE]
  })
  const answer = await node.ask('/internal/ops', {
    method: 'POST',
    headers: { 'content-type': 'application/octet-stream' },
    body
  })
  t.match(decodeReply(answer.body), { verdict: 'split', answers: [] })
  t.notOk(await stored())
})

t.test('a greeting is answered with the time', async t => {
  const { node, ring } = await setup(t)
  for (const [epoch, verdict] of [
    [1, 'served'],
    [2, 'behind'],
    [0, 'ahead']
  ] as const) {
    const body = encodeRequest({
      ring: { ...ring, epoch },
      digest: digestOf(ring),
      ringJson: undefined,
      operations: []
    })
    const beforeMs = Date.now()
    const reply = decodeReply(
      (
        await node.ask('/internal/ops', {
          method: 'POST',
          headers: { 'content-type': 'application/octet-stream' },
          body
        })
      ).body
    )
    t.equal(reply.verdict, verdict)
    t.ok((reply.clockMs ?? 0) >= beforeMs && (reply.clockMs ?? Infinity) <= Date.now())
  }
})

t.test('a ring that is none: refused, and nothing is done', async t => {
  const { node, ring, stored } = await setup(t)
  const body = encodeRequest({
    ring: { ...ring, epoch: 2 },
    digest: digestOf(ring),
    ringJson: '{"ring":{}}',
    operations: [MERGE]
  })
  const answer = await node.ask('/internal/ops', {
    method: 'POST',
    headers: { 'content-type': 'application/octet-stream' },
    body
  })
  t.match({ status: answer.status, ...answer.json() }, { status: 400, code: 'KV_ERR_RING_INVALID' })
  t.notOk(await stored())
})

t.test(
  'a frame that names one ring and brings another: nothing is done under a ring that is not in force',
  async t => {
    const { node, ring, stored } = await setup(t)
    const body = encodeRequest({
      ring: { ...ring, epoch: 3 },
      digest: digestOf(ring),
      ringJson: JSON.stringify(ringToJson({ ...ring, epoch: 2 })),
      operations: [MERGE]
    })
    const answer = await node.ask('/internal/ops', {
      method: 'POST',
      headers: { 'content-type': 'application/octet-stream' },
      body
    })
    t.match(decodeReply(answer.body), { verdict: 'served', answers: [{ kind: 'fenced' }] })
    t.notOk(await stored())
  }
)

t.test("a slot that is not the receiver's: refused", async t => {
  const { standby, ring, send } = await setup(t)
  t.match(await send(standby, ring), {
    status: 200,
    verdict: 'served',
    answers: [{ kind: 'failed', reason: 'not-replica' }]
  })
  t.match(await standby.ask('/cache?key=k'), { status: 404 })
})

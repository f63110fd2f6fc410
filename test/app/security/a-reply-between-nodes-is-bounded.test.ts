// Many gets of large values in one frame: as many as fit in a reply are answered, the others are told that
// they did not fit, and nothing else is touched. The node that asked asks for them again.

import t from 'tap'
import { slotOf } from '../../../src/core/pairs/slot.ts'
import { decodeReply, encodeRequest } from '../../../src/core/messages/frame.ts'
import { REPLY_BYTES } from '../../../plugins/peers/limits.ts'
import { startNodes } from '../../support/cluster/nodes.ts'

const COUNT = 60

t.test('gets beyond the bound are refused', async t => {
  const [node] = await startNodes(t, 1)
  const value = Buffer.alloc(1_000_000, 'x')
  for (let i = 0; i < COUNT; i++) await node.ask(`/kv/k${i}`, { method: 'PUT', body: value })
  const { generation, epoch, digest } = (await node.ask('/hash_ring')).json()
  const record = {
    version: { timeMs: Date.now() + 1000, counter: 0, writer: 1 },
    deleted: false,
    expiresAtMs: 0,
    contentType: '',
    value: Buffer.from('merged')
  }
  const operations = [
    ...Array.from({ length: COUNT }, (_, i) => ({ slot: slotOf(`k${i}`), key: `k${i}`, record: undefined })),
    { slot: slotOf('merged'), key: 'merged', record }
  ]
  const answer = await node.ask('/internal/ops', {
    method: 'POST',
    headers: { 'content-type': 'application/octet-stream' },
    body: encodeRequest({ ring: { generation, epoch }, digest, ringJson: undefined, operations })
  })
  t.equal(answer.status, 200)
  t.ok(answer.body.length <= REPLY_BYTES + 1_000, `${answer.body.length} bytes`)
  const { answers } = decodeReply(answer.body)
  t.equal(answers.length, COUNT + 1)
  const found = answers.filter(({ kind }) => kind === 'found')
  t.equal(found.length, Math.floor(REPLY_BYTES / 1_000_015))
  t.same(answers.slice(found.length, COUNT), Array(COUNT - found.length).fill({ kind: 'no-room' }))
  t.same(answers.at(-1), { kind: 'stored' })
  t.match(await node.ask('/kv/merged'), { status: 200, text: 'merged' })
})

t.test('clients who ask for more than one reply holds are served, or told to ask again', async t => {
  const nodes = await startNodes(t, 2, { members: 1 })
  const value = Buffer.alloc(1_000_000, 'x')
  for (let i = 0; i < COUNT; i++) await nodes[1].ask(`/kv/k${i}`, { method: 'PUT', body: value })
  for (let missing = Array.from({ length: COUNT }, (_, i) => `/kv/k${i}`); missing.length > 0;) {
    const answers = await Promise.all(missing.map(path => nodes[1].ask(path)))
    const wrong = answers.filter(({ status, body }) =>
      status === 200 ? !body.equals(value) : status !== 503
    )
    t.same(
      wrong.map(({ status, text }) => `${status} ${text.slice(0, 200)}`),
      []
    )
    const before = missing.length
    missing = missing.filter((_, i) => answers[i]?.status !== 200)
    if (missing.length === before) throw new Error('nobody is served')
  }
})

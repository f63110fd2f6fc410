// Whatever another node answers: the operations end, as failed ones, and the process lives.

import t from 'tap'
import fc from 'fast-check'
import { failed, MISS, STORED } from '../../../src/core/ports.ts'
import { encodeReply } from '../../../src/core/messages/frame.ts'
import { RING_BYTES } from '../../../src/limits.ts'
import { REPLY_BYTES } from '../../../plugins/peers/limits.ts'
import { startNodes } from '../../support/cluster/nodes.ts'
import { getOf, mergeOf, openChannel, served, serveAll, startPeer } from './fake-peer.ts'
import { ringOf } from '../../keeper/keeper-fakes.ts'

const cases: Array<[name: string, status: number, body: Buffer]> = [
  ['nothing', 200, Buffer.alloc(0)],
  ['text', 200, Buffer.from('<html>')],
  ['JSON with a status of a frame', 409, Buffer.from('{"code":"KV_ERR_FENCED"}')],
  ['a cut frame', 200, encodeReply(served([MISS, STORED])).subarray(0, 5)],
  ['bytes behind the frame', 200, Buffer.concat([encodeReply(served([MISS])), Buffer.from('x')])],
  ['another status', 404, encodeReply(served([MISS]))],
  ['unauthorized', 401, Buffer.from('{}')]
]

for (const [name, status, body] of cases) {
  t.test(`an answer of ${name}`, async t => {
    const peer = await startPeer(t, (_frame, response) => {
      response.writeHead(status, { 'content-length': body.length }).end(body)
    })
    const channel = openChannel(t, peer.address)
    const answers = await Promise.all([
      channel.send(ringOf(1), getOf('key')),
      channel.send(ringOf(1), mergeOf('key'))
    ])
    t.same(answers, [failed('timeout'), failed('timeout')])
    peer.serve = serveAll
    t.same(await channel.send(ringOf(1), getOf('key')), MISS)
  })
}

for (const [name, headers] of [
  ['without an end', {}],
  ['that is too long', { 'content-length': REPLY_BYTES + RING_BYTES + 1 }]
] as const) {
  t.test(`an answer ${name} is not read`, async t => {
    const block = Buffer.alloc(1024 * 1024)
    let sent = 0
    const peer = await startPeer(t, (_frame, response) => {
      const write = () => {
        if (response.destroyed || sent > REPLY_BYTES) return
        sent += block.length
        response.write(block, () => setImmediate(write))
      }
      response.writeHead(200, headers)
      write()
    })
    const channel = openChannel(t, peer.address)
    t.same(await channel.send(ringOf(1), getOf('key')), failed('timeout'))
    t.ok(sent < REPLY_BYTES, `${sent} bytes were sent`)
    peer.serve = serveAll
    t.same(await channel.send(ringOf(1), getOf('key')), MISS)
  })
}

t.test('too few answers are no answers', async t => {
  const peer = await startPeer(t, () => served([STORED]))
  const channel = openChannel(t, peer.address)
  const answers = await Promise.all([
    channel.send(ringOf(1), mergeOf('a')),
    channel.send(ringOf(1), mergeOf('b'))
  ])
  t.same(answers[0], STORED)
  t.not(answers[1]?.kind, 'stored')
})

t.test('an "ahead" with a ring that is none', async t => {
  const peer = await startPeer(t, () => ({
    verdict: 'ahead',
    ringJson: '{"ring":{}}',
    clockMs: undefined,
    answers: []
  }))
  const channel = openChannel(t, peer.address)
  t.match(await channel.send(ringOf(1), mergeOf('key')), { kind: /failed|fenced/ })
  t.same(channel.installed, [])
})

t.test('random bytes as a frame are refused with a code', async t => {
  const [node] = await startNodes(t, 1)
  const headers = { 'content-type': 'application/octet-stream' }
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async bytes => {
      const answer = await node.ask('/internal/ops', { method: 'POST', headers, body: Buffer.from(bytes) })
      // A few of them are frames: the empty one of some other ring.
      if (answer.status === 409 && answer.headers['content-type'] === 'application/octet-stream') return
      t.match({ status: answer.status, ...answer.json() }, { status: 400, code: /^KV_ERR_(?:FRAME|RECORD)$/ })
    }),
    { numRuns: 300 }
  )
  t.equal((await node.ask('/readyz')).status, 200)
})

t.test('an answer that sends elsewhere is not followed', async t => {
  const elsewhere = await startPeer(t)
  const peer = await startPeer(t, (_frame, response) => {
    response.writeHead(307, { location: `http://${elsewhere.address}/internal/ops` }).end()
  })
  t.same(await openChannel(t, peer.address).send(ringOf(1), getOf('key')), failed('timeout'))
  t.same(elsewhere.frames, [])
})

// The map that HAProxy routes by: every slot at the server of its owner, whatever the ring, and what HAProxy
// answers about its servers and its map is understood.

import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { preferenceList } from '../../../src/core/ring/placement.ts'
import { inPieces } from '../../../src/programs/slots/runtime.ts'
import {
  parseServers,
  parseTable,
  sameTable,
  slotTable,
  type Server
} from '../../../src/programs/slots/table.ts'
import { rings } from '../../support/checker/arbitraries.ts'

function serverOf(table: ReadonlyMap<string, string>, slot: number): string | undefined {
  const found = [...table].filter(([range]) => {
    const [min, max] = range.split(':').map(Number) as [number, number]
    return min <= slot && slot <= max
  })
  assert.ok(found.length <= 1, 'ranges do not overlap')
  return found[0]?.[1]
}

t.test('every slot has its owner', async () => {
  fc.assert(
    fc.property(rings, fc.array(fc.nat(9_999), { minLength: 50, maxLength: 50 }), (ring, slots) => {
      const nodes = [...new Set(ring.tokens.map(token => token.node))]
      // One of the nodes is no server of HAProxy.
      const servers: Server[] = nodes.slice(1).map((node, i) => ({ name: `n${i + 1}`, addresses: [node] }))
      const table = slotTable(ring, servers)
      for (const slot of [
        0,
        9_999,
        ...ring.tokens.flatMap(({ position }) => [position, (position + 1) % 10_000]),
        ...slots
      ]) {
        const owner = preferenceList(ring.tokens, 1, slot)[0]
        assert.equal(serverOf(table, slot), servers.find(({ addresses }) => addresses[0] === owner)?.name)
      }
    }),
    { numRuns: 200 }
  )
})

t.test('a ring of one token is one server', async t => {
  const ring = { generation: 1, epoch: 1, replicas: 1, tokens: [{ position: 9_999, node: 'a:1' }] }
  t.same([...slotTable(ring, [{ name: 'n1', addresses: ['a:1'] }])], [['0:9999', 'n1']])
  t.same([...slotTable(ring, [])], [])
})

t.test('servers, by address and by name', async t => {
  const answer = [
    '1',
    '# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight ' +
      'srv_time_since_last_change srv_check_status srv_check_result srv_check_health ' +
      'srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord',
    '3 nodes 1 n1 172.23.0.3 2 0 1 1 10 6 3 4 6 0 0 0 - 5000 - 0 0 - - 0',
    '3 nodes 2 n2 10.0.0.9 2 0 1 1 10 6 3 4 6 0 0 0 two.example 5001 - 0 0 - - 0',
    '3 nodes 3 n3 ::1 2 0 1 1 10 6 3 4 6 0 0 0 - 5000 - 0 0 - - 0',
    ''
  ].join('\n')
  t.same(parseServers(answer), [
    { name: 'n1', addresses: ['172.23.0.3:5000'] },
    { name: 'n2', addresses: ['10.0.0.9:5001', 'two.example:5001'] },
    { name: 'n3', addresses: ['[::1]:5000'] }
  ])
  t.throws(() => parseServers("Can't find backend.\n"), /unknown form/)
})

t.test('a map', async t => {
  const table = parseTable('0x55d0c8 0:3000 n1\n0x55d0c9 3001:9999 n2\n\n')
  t.same(
    [...table],
    [
      ['0:3000', 'n1'],
      ['3001:9999', 'n2']
    ]
  )
  t.ok(
    sameTable(
      table,
      new Map([
        ['3001:9999', 'n2'],
        ['0:3000', 'n1']
      ])
    )
  )
  t.notOk(sameTable(table, new Map([['0:3000', 'n1']])))
  t.notOk(
    sameTable(
      table,
      new Map([
        ['0:3000', 'n1'],
        ['3001:9999', 'n1']
      ])
    )
  )
})

t.test('a command holds no more lines than fit', async t => {
  const lines = Array.from({ length: 10_000 }, (_, slot) => `${slot}:${slot} n1\n`)
  const pieces = inPieces(lines)
  t.equal(pieces.join(''), lines.join(''))
  t.ok(pieces.every(piece => piece.length <= 12 * 1024) && pieces.length < 20)
  t.same(inPieces([]), [])
})

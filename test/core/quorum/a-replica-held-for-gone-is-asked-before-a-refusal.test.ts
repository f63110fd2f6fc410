// A replica that was not asked, since it had not answered of late, may be back; before a request is refused
// for want of it, it is asked. A request that has its quorum asks nobody twice.

import t from 'tap'
import { createCoordinator, type CoordinatorPorts } from '../../../src/core/quorum/coordinator.ts'
import { failed, FENCED, MISS, STORED, type Fenced, type Failed } from '../../../src/core/ports.ts'
import { found, scripted, valueOf } from './scripted-replicas.ts'

const SKIPPED = failed('unreachable')
const GONE = failed('timeout')

type Ask = { readonly node: string; readonly kind: 'get' | 'merge'; readonly insist: boolean }

/** Three replicas; those that are named answer only who insists, and then as `back` says. `gone`: never. */
function withSkipped(skipped: readonly string[], gone: readonly string[], back?: Failed | Fenced) {
  const ports = scripted({ get: [[found(5), found(5), found(5)]], merge: [[STORED, STORED, STORED]] })
  const asked: Ask[] = []
  const instead = (kind: Ask['kind'], node: string, insist: boolean) => {
    asked.push({ node, kind, insist })
    if (gone.includes(node)) return GONE
    if (!skipped.includes(node)) return undefined
    return insist ? back : SKIPPED
  }
  const replicas: CoordinatorPorts['replicas'] = {
    get: async (...of) => instead('get', of[0], of[4]) ?? ports.replicas.get(...of),
    merge: async (...of) => instead('merge', of[0], of[5]) ?? ports.replicas.merge(...of)
  }
  const insisted = () =>
    asked
      .filter(({ insist }) => insist)
      .map(({ node, kind }) => `${kind} ${node}`)
      .sort()
  return { ...createCoordinator({ ...ports, replicas }), asked, insisted }
}

t.test('two of three were skipped', async t => {
  const both = ['node-1:1', 'node-2:1']
  const reading = withSkipped(both, [])
  t.equal((await reading.read(0, 'k')).record?.version.timeMs, 5)
  t.same(reading.insisted(), ['get node-1:1', 'get node-2:1'])
  const writing = withSkipped(both, [])
  await writing.write(0, 'k', valueOf)
  t.same(writing.insisted(), ['get node-1:1', 'get node-2:1', 'merge node-1:1', 'merge node-2:1'])
})

t.test('one is gone and one was skipped: nobody else is asked again', async t => {
  const { read, insisted, asked } = withSkipped(['node-2:1'], ['node-1:1'])
  t.equal((await read(0, 'k')).record?.version.timeMs, 5)
  t.same(insisted(), ['get node-2:1'])
  t.equal(asked.length, 4)
})

t.test('a quorum without it', async t => {
  const { read, write, insisted } = withSkipped(['node-2:1'], [])
  await read(0, 'k')
  await write(0, 'k', valueOf)
  t.same(insisted(), [])
})

t.test('it is asked once, and what it says then is the answer', async t => {
  const gone = withSkipped(['node-1:1', 'node-2:1'], [], SKIPPED)
  await t.rejects(gone.read(0, 'k'), {
    code: 'KV_ERR_QUORUM',
    message: 'too few replicas answered this read (answered, unreachable, unreachable)'
  })
  t.equal(gone.asked.length, 5)
  const late = withSkipped(['node-1:1', 'node-2:1'], [], GONE)
  await t.rejects(late.read(0, 'k'), { code: 'KV_ERR_QUORUM', message: /answered, timeout, timeout/ })
  const moved = withSkipped(['node-1:1', 'node-2:1'], [], FENCED)
  await t.rejects(
    moved.read(0, 'k'),
    { code: 'KV_ERR_QUORUM', message: /ring changed too often/ },
    'each time it is planned anew'
  )
})

t.test('the write-back of a read', async t => {
  const ports = scripted({ get: [[found(5), MISS, GONE]], merge: [[STORED, STORED, GONE]] })
  const insisted: boolean[] = []
  const { read } = createCoordinator({
    ...ports,
    replicas: {
      get: ports.replicas.get,
      async merge(...of) {
        insisted.push(of[5])
        return of[5] ? ports.replicas.merge(...of) : SKIPPED
      }
    }
  })
  t.equal((await read(0, 'k')).record?.version.timeMs, 5)
  t.same(insisted, [false, false, true, true])
})

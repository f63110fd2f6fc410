import t from 'tap'
import { createLanes } from '../../../src/storage/memcached/lanes.ts'

t.test('in the order of arrival, other names freely, and no more than may wait', async t => {
  const lanes = createLanes(2)
  const order: string[] = []
  t.equal(lanes.enter('a'), undefined)
  const second = lanes.enter('a')
  const third = lanes.enter('a')
  t.equal(lanes.enter('a'), 'full')
  t.equal(lanes.enter('b'), undefined, 'another name')
  if (!(second instanceof Promise) || !(third instanceof Promise)) return t.fail('they have to wait')
  const both = Promise.all([second.then(() => order.push('second')), third.then(() => order.push('third'))])
  t.same(order, [])
  lanes.leave('a')
  await second
  t.same(order, ['second'])
  lanes.leave('a')
  await both
  t.same(order, ['second', 'third'])
  lanes.leave('a')
  t.equal(lanes.enter('a'), undefined, 'free again')
})

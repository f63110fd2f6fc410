import t from 'tap'
import { createSentinel, isSentinel } from '../../src/memcached/sentinel.ts'

t.test('nothing seen yet: no memory', async (t) => {
  t.equal(createSentinel().memory, 0)
})

t.test('absent and back: another number', async (t) => {
  const sentinel = createSentinel()
  sentinel.greeted('one', true)
  const first = sentinel.memory
  t.ok(first > 0)
  sentinel.greeted('one', true)
  t.equal(sentinel.memory, first, 'a second connection to the same instance')
  sentinel.looked('one', false)
  t.equal(sentinel.memory, 0)
  sentinel.looked('one', true)
  t.ok(sentinel.memory > first)
})

t.test('another instance whose sentinel somebody wrote before this process looked: another number', async (t) => {
  const sentinel = createSentinel()
  sentinel.greeted('one', true)
  const first = sentinel.memory
  sentinel.greeted('two', true)
  t.ok(sentinel.memory > first)
})

t.test('the last words of an instance that is gone count for nothing', async (t) => {
  const sentinel = createSentinel()
  sentinel.greeted('one', true)
  sentinel.greeted('two', false)
  sentinel.looked('one', true)
  t.equal(sentinel.memory, 0)
})

t.test('only a ring is a sentinel', async (t) => {
  t.ok(isSentinel(Buffer.from('{"ring":{}}')))
  t.notOk(isSentinel(Buffer.from('recovering')))
  t.notOk(isSentinel(Buffer.alloc(0)))
  t.notOk(isSentinel(undefined))
})

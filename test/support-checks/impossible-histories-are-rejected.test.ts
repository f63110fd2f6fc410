// Hand-made histories of one key, each with the one thing wrong (or right) that its name tells.

import t from 'tap'
import { checkRegister, type Operation } from '../support/checker/linearizability.ts'

const write = (value: string, invokedAt: number, returnedAt?: number): Operation => ({
  kind: 'write',
  value,
  invokedAt,
  returnedAt
})
const remove = (invokedAt: number, returnedAt?: number): Operation => ({
  kind: 'delete',
  invokedAt,
  returnedAt
})
const read = (value: string | undefined, invokedAt: number, returnedAt?: number): Operation => ({
  kind: 'read',
  value,
  invokedAt,
  returnedAt
})

const impossible: Record<string, { history: Operation[]; reason: RegExp; window?: number }> = {
  'stale read': {
    history: [write('x', 1, 2), write('y', 3, 4), read('x', 5, 6)],
    reason: /come and gone/,
    window: 3
  },
  'lost write': {
    history: [write('x', 1, 2), read(undefined, 3, 4)],
    reason: /absent after a write/,
    window: 2
  },
  'X, Y, X': {
    history: [write('x', 1, 20), write('y', 2, 21), read('x', 3, 4), read('y', 5, 6), read('x', 7, 8)],
    reason: /two values|come and gone/
  },
  'X, Y, X when the write of Y is unknown': {
    history: [write('x', 1, 2), write('y', 3), read('y', 5, 6), read('x', 7, 8)],
    reason: /two values|come and gone/
  },
  'resurrected delete': {
    history: [write('x', 1, 2), remove(3, 4), read('x', 5, 6)],
    reason: /before and after a delete/,
    window: 3
  },
  'a delete seen, then not': {
    history: [write('x', 1, 2), remove(3), read(undefined, 5, 6), read('x', 7, 8)],
    reason: /absent while a value was current/
  },
  'one unknown delete cannot delete twice': {
    history: [remove(1), write('x', 2, 3), read(undefined, 4, 5), write('y', 6, 7), read(undefined, 8, 9)],
    reason: /no delete can have come in between/
  },
  'absent between two values without a delete': {
    history: [write('x', 1, 2), write('y', 11, 12), read(undefined, 12, 13), read('y', 13, 14)],
    reason: /no delete can have come in between/
  },
  'read from the future': {
    history: [read('x', 1, 2), write('x', 3, 4)],
    reason: /before its write began/,
    window: 2
  },
  'a value from nowhere': { history: [write('x', 1, 2), read('z', 3, 4)], reason: /nobody wrote/, window: 1 },
  'a failed write was left out, and yet read': {
    history: [read('x', 1, 2)],
    reason: /nobody wrote/,
    window: 1
  }
}

for (const [name, { history, reason, window }] of Object.entries(impossible)) {
  t.test(`rejected: ${name}`, async t => {
    const verdict = checkRegister(history)
    t.notOk(verdict.linearizable)
    if (verdict.linearizable) return
    t.match(verdict.reason, reason)
    t.notOk(checkRegister(verdict.window).linearizable, 'the window alone is a contradiction')
    if (window !== undefined) t.equal(verdict.window.length, window)
  })
}

const possible: Record<string, Operation[]> = {
  nothing: [],
  'one after the other': [
    read(undefined, 1, 2),
    write('x', 3, 4),
    read('x', 5, 6),
    remove(7, 8),
    read(undefined, 9, 10)
  ],
  'a read during a write may find either': [
    write('x', 1, 2),
    write('y', 3, 10),
    read('x', 4, 5),
    read('y', 6, 7)
  ],
  'an unknown write takes effect late': [
    write('x', 1),
    read(undefined, 2, 3),
    write('y', 4, 5),
    read('y', 6, 7),
    read('x', 8, 9)
  ],
  'an unknown write never takes effect': [write('x', 1, 2), write('y', 3), read('x', 4, 5), read('x', 6, 7)],
  'an unknown delete takes effect between two reads': [
    write('x', 1, 2),
    remove(3),
    read('x', 4, 5),
    read(undefined, 6, 7)
  ],
  'a read without an answer proves nothing': [write('x', 1, 2), read('z', 3)],
  'a value comes after a delete at the same time': [
    write('x', 1, 10),
    remove(2, 9),
    read(undefined, 3, 4),
    read('x', 11, 12)
  ],
  'equal times are concurrent': [write('x', 1, 2), write('y', 2, 3), read('x', 3, 4)]
}

for (const [name, history] of Object.entries(possible)) {
  t.test(`accepted: ${name}`, async t => t.same(checkRegister(history), { linearizable: true }))
}

t.test('the window leaves out what has no part in it', async t => {
  const noise = Array.from({ length: 500 }, (_, index) => [
    write(`n${index}`, 10 * index, 10 * index + 3),
    read(`n${index}`, 10 * index + 4, 10 * index + 6)
  ])
  const history = [...noise.flat(), read('n7', 2507, 2508)]
  const verdict = checkRegister(history)
  if (verdict.linearizable) return t.fail('the stale read was not seen')
  t.ok(verdict.window.length <= 4, `${verdict.window.length} operations`)
  t.ok(verdict.window.some(({ value, invokedAt }) => value === 'n7' && invokedAt === 2507))
})

t.test('a value that was written twice is a defect of the test', async t => {
  t.throws(() => checkRegister([write('x', 1, 2), write('x', 3, 4)]), /written twice/)
})

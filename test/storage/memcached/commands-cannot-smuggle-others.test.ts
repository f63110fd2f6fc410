import t from 'tap'
import {
  addLine,
  casLine,
  deleteCommand,
  expiryS,
  getCommand,
  getsCommand
} from '../../../src/storage/memcached/commands.ts'

t.test('a name that is not one word of 1 to 250 printable characters is a defect', async t => {
  for (const name of ['', ' ', 'a b', 'a\r\nflush_all', 'a\n', 'a\0', 'ä', '\x7f', 'x'.repeat(251)]) {
    for (const build of [getCommand, getsCommand, deleteCommand]) {
      t.throws(() => build(name), { code: 'ERR_ASSERTION' })
    }
    t.throws(() => addLine(name, 0, 1), { code: 'ERR_ASSERTION' })
    t.throws(() => casLine(name, 0, 1, '1'), { code: 'ERR_ASSERTION' })
  }
  t.equal(getCommand('x'.repeat(250)).length, 259)
})

t.test('so is a number that is none', async t => {
  t.throws(() => addLine('a', NaN, 1), { code: 'ERR_ASSERTION' })
  t.throws(() => addLine('a', 1.5, 1), { code: 'ERR_ASSERTION' })
  t.throws(() => casLine('a', 0, 1, '1 noreply'), { code: 'ERR_ASSERTION' })
  t.throws(() => casLine('a', 0, 1, ''), { code: 'ERR_ASSERTION' })
})

t.test('the lines themselves', async t => {
  t.equal(getCommand('0001:a'), 'mg 0001:a k v\r\n')
  t.equal(getsCommand('0001:a'), 'mg 0001:a k v c\r\n')
  t.equal(addLine('0001:a', 5, 7), 'add 0001:a 0 5 7\r\n')
  t.equal(casLine('0001:a', 0, 7, '99'), 'cas 0001:a 0 0 7 99\r\n')
})

t.test('an expiry beyond what Memcached can hold means never, not at once', async t => {
  t.equal(expiryS(Infinity), 0)
  t.equal(expiryS(1_800_000_000_001), 1_800_000_001)
  t.equal(expiryS((2 ** 31 - 1) * 1000), 2 ** 31 - 1)
  t.equal(expiryS((2 ** 31 - 1) * 1000 + 1), 0)
  t.equal(expiryS(2 ** 48), 0)
  t.equal(expiryS(2_592_000_000), 0, 'it would count from now')
})

// Nobody waits long for a body that is being read: a step reads only so much. And nothing is read of it once
// it is known to be wrong.

import t, { type Test } from 'tap'
import { type Steps } from '../../../src/core/messages/json-reader.ts'
import { readBatch, readFields, readPairs } from '../../../src/core/messages/json-shapes.ts'
import { BATCH_OPS } from '../../../src/limits.ts'
import { FIELDS_LIMIT, PARSE_STEP_BYTES } from '../../../src/core/messages/limits.ts'

/** A body that tells how far it has been read. */
function watched(text: string | Buffer): { readonly bytes: Buffer; readonly read: () => number } {
  const bytes = Buffer.from(text as string)
  let furthest = 0
  const proxy = new Proxy(bytes, {
    get(target, name) {
      if (typeof name === 'string' && /^[0-9]+$/.test(name)) furthest = Math.max(furthest, Number(name))
      const value = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    }
  })
  return { bytes: proxy, read: () => furthest }
}

/** Reads all of it and tells how many steps that takes, and the longest, bytes. */
function stepsOf(
  text: string | Buffer,
  read: (bytes: Buffer) => Steps<unknown>
): { count: number; longest: number } {
  const body = watched(text)
  const steps = read(body.bytes)
  let count = 0
  let longest = 0
  for (let before = 0, done = false; !done; before = body.read()) {
    done = steps.next().done === true
    longest = Math.max(longest, body.read() - before)
    count++
  }
  return { count, longest }
}

function refusedAfter(t: Test, text: string, read: (bytes: Buffer) => Steps<unknown>, most: number): void {
  const body = watched(text)
  t.throws(
    () => {
      for (const steps = read(body.bytes); steps.next().done !== true;);
    },
    { code: /^KV_ERR_/ }
  )
  t.ok(body.read() <= most, `${text.slice(0, 30)}: ${body.read()} of ${text.length}`)
}

const operations = (bytes: Buffer) => readBatch(bytes, BATCH_OPS, fields => fields)
const pairs = (bytes: Buffer) => readPairs(bytes, (_key, value) => value)
const put = (value: string) => `{"op":"put","key":"k","value":"${value}"}`
const LONG = 6 * PARSE_STEP_BYTES

t.test('a step is bounded, and no smaller than it may be', async t => {
  const stray = Buffer.concat([Buffer.from('{"key":"'), Buffer.alloc(LONG, 0x80), Buffer.from('"}')])
  const bodies: Array<[string | Buffer, (bytes: Buffer) => Steps<unknown>]> = [
    [stray, readFields],
    [
      `{"operations":[${Array(600)
        .fill(put('v'.repeat(1_000)))
        .join()}]}`,
      operations
    ],
    [`{"operations":[${put('v'.repeat(LONG))},${put('\\u0041'.repeat(LONG / 6))}]}`, operations],
    [`{"key":"${'k'.repeat(LONG)}","val":"${'€'.repeat(LONG / 3)}"}`, readFields],
    [`{"${'k'.repeat(LONG)}":1}`, readFields],
    [`{${Array.from({ length: 40_000 }, (_, i) => `"key-${i}":"v"`).join()}}`, pairs]
  ]
  for (const [text, read] of bodies) {
    const { count, longest } = stepsOf(text, read)
    const begin = text.toString().slice(0, 30)
    t.ok(longest <= 2 * PARSE_STEP_BYTES + 100, `${begin}: ${longest}`)
    t.ok(count <= 2 + Buffer.byteLength(text) / PARSE_STEP_BYTES, `${begin}: ${count} steps`)
  }
})

t.test('what is wrong ends it', async t => {
  const junk = Array(500_000).fill('[]').join()
  refusedAfter(t, `{"x":[${junk}]}`, operations, 20)
  refusedAfter(t, `{"operations":[[${junk}]]}`, operations, 20)
  refusedAfter(t, `{"operations":[{"op":[${junk}]}]}`, operations, 40)
  refusedAfter(t, '['.repeat(1_000_000), operations, 20)
  refusedAfter(t, '['.repeat(1_000_000), readFields, 20)
  refusedAfter(t, `{"key":"k","val":${'['.repeat(1_000_000)}`, readFields, 40)
  refusedAfter(t, `{"operations":[${Array(500_000).fill('{}').join()}]}`, operations, 20 + 3 * BATCH_OPS)
  refusedAfter(t, `{${Array(500_000).fill('"a":1').join()}}`, readFields, 20 + 6 * FIELDS_LIMIT)
  refusedAfter(t, `{"a":${'1'.repeat(1_000_000)}}`, readFields, PARSE_STEP_BYTES)
})

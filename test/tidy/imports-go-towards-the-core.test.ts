// errors, limits <- core <- memcached, plugins <- app <- main: no file imports against that, the core imports nothing that
// does I/O, and plugins do not import one another's files.

import t from 'tap'
import { filesIn } from './files.ts'
import { importFault, importsOf } from './rules.ts'

t.test('every file', async (t) => {
  const files = filesIn('src', 'plugins')
  t.same(files.flatMap(({ path, text }) => importsOf(text).map((it) => importFault(path, it)).filter((fault) => fault !== undefined)), [])
  t.ok(files.some(({ path }) => path === 'src/core/coordinator.ts') && files.some(({ path }) => path.startsWith('plugins/')), 'the files were found')
})

t.test('imports are found in all their forms', async (t) => {
  const text = `
    import a from './a.ts'
    import { type B } from './b.ts'
    import type { C } from './c.ts'
    import { type D, e } from './d.ts'
    import f, { type G } from './f.ts'
    import './h.ts'
    import * as i from './i.ts'
    export { j } from './j.ts'
    export type { K } from './k.ts'
    const l = await import('./l.ts')
    const m = await import(name)
    // import n from './n.ts'`
  t.same(importsOf(text).map(({ specifier, typeOnly }) => `${specifier}${typeOnly ? ' type' : ''}`), [
    './a.ts', './b.ts type', './c.ts type', './d.ts', './f.ts', './h.ts', './i.ts', './j.ts', './k.ts type', './l.ts', '(computed)'
  ])
})

t.test('what is allowed and what is not', async (t) => {
  const fault = (path: string, specifier: string, typeOnly = false) => importFault(path, { specifier, typeOnly }) !== undefined
  for (const [path, specifier] of [
    ['src/core/ring.ts', './slot.ts'], ['src/core/ring.ts', '../errors.ts'], ['src/core/ring.ts', '../limits.ts'], ['src/core/slot.ts', 'node:crypto'],
    ['src/memcached/client.ts', '../core/ports.ts'], ['src/memcached/client.ts', 'node:net'], ['plugins/storage/memcached.ts', '../../src/memcached/client.ts'],
    ['plugins/ring/index.ts', './keeper.ts'], ['plugins/ring/index.ts', 'fastify-plugin'], ['src/app.ts', '../plugins/ring/index.ts'], ['src/main.ts', './primary.ts'],
    ['src/primary.ts', '../plugins/ring/keeper.ts'], ['src/node.ts', './app.ts']
  ] as const) t.notOk(fault(path, specifier), `${path} ${specifier}`)
  for (const [path, specifier] of [
    ['src/core/ring.ts', '../memcached/client.ts'], ['src/core/ring.ts', '../../plugins/ring/index.ts'], ['src/core/ring.ts', 'node:fs'], ['src/core/ring.ts', 'fastify'],
    ['src/core/ring.ts', '(computed)'], ['src/errors.ts', './core/ring.ts'], ['src/limits.ts', 'node:os'], ['src/memcached/client.ts', '../../plugins/storage/index.ts'],
    ['src/memcached/client.ts', '../app.ts'], ['plugins/ring/index.ts', '../../src/app.ts'], ['plugins/ring/index.ts', '../storage/memory.ts'], ['src/app.ts', './main.ts'],
    ['src/primary.ts', './main.ts'], ['src/app.ts', '../test/support/history.ts'], ['src/app.ts', './node.ts']
  ] as const) t.ok(fault(path, specifier), `${path} ${specifier}`)
  t.notOk(fault('plugins/ring/index.ts', '../storage/memory.ts', true), 'types of another plugin')
  t.ok(fault('src/core/ring.ts', '../app.ts', true), 'types go the same way as everything else')
})

// A plugin names as its dependencies the plugins whose additions to the application it uses, and no other
// that works by additions alone: what it needs can be read off one line.

import t from 'tap'
import { filesIn } from './files.ts'
import { addedToApp, pluginOptions, usedOfApp } from './rules.ts'

interface Plugin {
  readonly name: string
  readonly dependencies: readonly string[]
  readonly adds: ReadonlySet<string>
  readonly uses: ReadonlySet<string>
  /** It does something about every route, so that others may depend on coming after it. */
  readonly hooks: boolean
}

function pluginsOf(files: ReadonlyArray<{ readonly path: string; readonly text: string }>): Plugin[] {
  const folderOf = ({ path }: { readonly path: string }) => path.split('/')[1] as string
  return [...new Set(files.map(folderOf))].map(folder => {
    const own = files.filter(file => folderOf(file) === folder)
    const options = own.map(({ text }) => pluginOptions(text)).find(found => found !== undefined)
    return {
      name: options?.name ?? folder,
      dependencies: options?.dependencies ?? [],
      adds: new Set(own.flatMap(({ text }) => [...addedToApp(text)])),
      uses: new Set(own.flatMap(({ text }) => [...usedOfApp(text)])),
      hooks: own.some(({ text }) => /addHook\(\s*'onRoute'/.test(text))
    }
  })
}

/** What is wrong with the dependencies that plugins declare. */
function faultsOf(plugins: readonly Plugin[]): string[] {
  return plugins.flatMap(({ name, dependencies, adds, uses }) =>
    plugins
      .filter(other => other.name !== name && other.adds.size > 0)
      .flatMap(other => {
        const isUsed = [...other.adds].some(added => uses.has(added) && !adds.has(added))
        if (isUsed === dependencies.includes(other.name) || (!isUsed && other.hooks)) return []
        return isUsed
          ? [`${name} does not say that it uses ${other.name}`]
          : [`${name} does not use ${other.name}`]
      })
  )
}

t.test('the plugins of the project', async t => {
  const plugins = pluginsOf(filesIn('plugins'))
  t.ok(plugins.length > 12)
  t.same(faultsOf(plugins), [])
})

t.test('the rule finds what it is for', async t => {
  const clock = {
    path: 'plugins/clock/index.ts',
    text: `
    declare module 'fastify' { interface FastifyInstance { clock: Clock } }
    export default fp(async app => {}, { name: 'clock' })`
  }
  const user = (uses: string, dependencies: string) => [
    clock,
    {
      path: 'plugins/user/index.ts',
      text: `
    export default fp(async app => { ${uses} }, { name: 'user', dependencies: [${dependencies}] })`
    }
  ]
  for (const uses of [
    'app.clock',
    'const { clock } = app',
    "type Ports = Pick<FastifyInstance, 'log' | 'clock'>"
  ]) {
    t.same(faultsOf(pluginsOf(user(uses, "'clock'"))), [])
    t.same(faultsOf(pluginsOf(user(uses, ''))), ['user does not say that it uses clock'])
  }
  t.same(faultsOf(pluginsOf(user('', "'clock'"))), ['user does not use clock'])
})
